import type { TapGateError } from '@tapgate/sdk/error';
import type { DeviceFolder } from '@tapgate/validator-firmware/device/device-folder';
import {
  enrolDevice,
  loadIdentity,
  saveIdentity,
  type DeviceIdentity,
} from '@tapgate/validator-firmware/sync/device-identity';
import { UsageFault } from '../command-line.ts';
import type { ValidatorOrder } from './validator-order.ts';

/**
 * Who this device is: as it was enrolled, or as it is enrolled now when a code was given. A device stays the terminal that it is, for its
 * journal holds that terminal's taps.
 *
 * @returns null for a device that is not enrolled
 * @throws UsageFault for another terminal's code; TapGateError, EnrolmentFault
 */
export async function enrolledDevice(
  folder: DeviceFolder,
  { enrol }: Pick<ValidatorOrder, 'enrol'>,
  baseUrl: string,
): Promise<DeviceIdentity | null> {
  const kept = await loadIdentity(folder.identityFile, folder.storageKey);
  if (enrol === null) return kept;
  if (kept !== null && kept.terminalId !== enrol.terminalId)
    throw new UsageFault(`this device is ${kept.terminalId}: another terminal needs a --data-dir of its own`);
  const identity = await enrolDevice({ baseUrl, clock: Date.now, ...enrol });
  await saveIdentity(folder.identityFile, folder.storageKey, identity);
  return identity;
}

/** Why an enrolment did not come about, for people. */
export function describeEnrolmentFailure(error: TapGateError, baseUrl: string): string {
  if (error.code === 'enrolment_refused')
    return 'enrolment_refused: the code is used, expired, or of another terminal; ask for another one. 注册码已用、过期或不属于该终端，请重新申请';
  if (error.code === 'gateway_unreachable')
    return `gateway_unreachable: no gateway answers at ${baseUrl}; the code is good still. 网关未应答，注册码仍然有效`;
  return `${error.code}: the gateway at ${baseUrl} did not enrol this device. 网关未接受注册`;
}

/** What to do on a device that is not enrolled; `where` are the settings that this process was given, as one would type them. */
export function describeNotEnrolled(baseUrl: string, where: string): string {
  return `This device is not enrolled: it has no key and no place yet. 本机尚未注册，没有密钥和位置。

1. Where the gateway's keystore is, an operator gets a one-time code (运营方取一次性注册码):
     ${where}npm run terminals -- code TERMINAL
   or with the operator's token: POST ${baseUrl}/v1/terminals {"terminalId":"TERMINAL"}
2. Here, once (在本机注册一次):
     ${where}npm run validator -- --enrol TERMINAL:CODE

On one machine, as a trial, both at once, for a new terminal on a bus of the demonstration (单机试用):
     ${where}npm run validator -- --simulate --enrol "$(${where}npm run -s terminals -- code)"
`;
}
