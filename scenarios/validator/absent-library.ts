import type { DeviceFaultCode } from '@tapgate/validator-firmware/devices/device-fault';

const AGAIN = 'then npm install again, which builds it. 然后重新执行 npm install';

/** What to install for a device that this machine cannot drive, for people; the code comes first. */
export function describeDeviceFault(code: DeviceFaultCode): string {
  if (code === 'pcsc_library_absent')
    return (
      `${code}: --reader pcsc needs the package nfc-pcsc, and npm install leaves it out where the headers of PC/SC are missing. ` +
      `On Debian and Ubuntu: apt-get install pcscd libpcsclite-dev build-essential python3; ${AGAIN}. 缺少 PC/SC 读卡库`
    );
  if (code === 'hid_library_absent')
    return (
      `${code}: --gate hid needs the package node-hid, which npm install brings ready made for most machines. ` +
      `On Debian and Ubuntu: apt-get install libudev-dev libusb-1.0-0-dev build-essential python3; ${AGAIN}. 缺少 USB HID 库`
    );
  return `${code}: the device does not answer; look at its cable and start again. 设备无应答，请检查连接后重新启动`;
}
