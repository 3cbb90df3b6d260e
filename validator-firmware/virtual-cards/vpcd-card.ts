import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { AnsweringCard } from './virtual-card.ts';

/**
 * What a vpcd reader says and hears, each as a length in two bytes big-endian and that many bytes. One byte alone is a control:
 *
 *   00  power off (nothing to do for it)
 *   01  power on
 *   02  reset
 *   04  give the ATR: the only control that is answered
 *
 * Everything longer is a command APDU, answered by a response APDU.
 */
const CONTROL = { powerOn: 0x01, reset: 0x02, answerToReset: 0x04 } as const;
const LENGTH_BYTES = 2;

/** A contactless card as PC/SC part 3 shows it: no historical bytes, T=1 offered, and the check byte. */
const CONTACTLESS_ATR: Uint8Array = Uint8Array.of(0x3b, 0x80, 0x80, 0x01, 0x01);

/** What a reader makes of something that is no card: the convention byte is none. */
const NOISE_FOR_ATR: Uint8Array = Uint8Array.of(0xff, 0x00);

/** A virtual card at the far end of a vpcd reader's TCP port: a hand that holds it into a field which a real pcscd watches. */
export class VpcdCard {
  readonly #card: AnsweringCard;
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #answering: Promise<void> = Promise.resolve();

  private constructor(card: AnsweringCard, socket: Socket) {
    this.#card = card;
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#answerWhole();
    });
    // The reader went first; the card lies there without power.
    socket.on('error', () => socket.destroy());
  }

  /** @throws the system's error when no reader listens there */
  static async insert(card: AnsweringCard, port: number, host = '127.0.0.1'): Promise<VpcdCard> {
    const socket = connect({ port, host, noDelay: true });
    await once(socket, 'connect');
    return new VpcdCard(card, socket);
  }

  /** The hand leaves. */
  async remove(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }

  #answerWhole(): void {
    while (this.#received.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.#received.readUInt16BE(0);
      if (this.#received.length < end) return;
      const message = this.#received.subarray(LENGTH_BYTES, end);
      this.#received = this.#received.subarray(end);
      this.#answering = this.#answering.then(() => this.#answer(message));
    }
  }

  async #answer(message: Uint8Array): Promise<void> {
    if (message.length !== 1) return this.#answerCommand(message);
    const [control] = message;
    if (control === CONTROL.powerOn || control === CONTROL.reset) this.#card.powerUp();
    // A card that loses power says nothing, and forgets when it gets power again.
    if (control === CONTROL.answerToReset)
      this.#send(this.#card.faults.mute === true ? NOISE_FOR_ATR : CONTACTLESS_ATR);
  }

  async #answerCommand(command: Uint8Array): Promise<void> {
    const { slowMs } = this.#card.faults;
    if (slowMs !== undefined) await new Promise((resolve) => setTimeout(resolve, slowMs));
    if (this.#socket.destroyed) return;
    const response = this.#card.transmit(command);
    if (response === null) this.#socket.destroy();
    else this.#send(response);
  }

  #send(message: Uint8Array): void {
    if (this.#socket.destroyed) return;
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt16BE(message.length);
    this.#socket.write(Buffer.concat([length, message]));
  }
}
