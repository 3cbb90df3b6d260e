import { connect, type Socket } from 'node:net';

/** What came back for one request. */
export type HttpAnswer = { readonly status: number; readonly body: string };

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * One keep-alive connection that sends requests which are bytes already, one at a time: a generator must cost less than what it
 * measures. Understands exactly what the servers of the bench send: a status line, Content-Length or chunked, a short body.
 */
export class HttpConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #waiting: { resolve: (answer: HttpAnswer) => void; reject: (error: Error) => void } | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#takeAnswer();
    });
    const fail = (error?: Error): void => {
      this.#waiting?.reject(error ?? new Error('the connection was closed'));
      this.#waiting = null;
    };
    socket.on('error', fail);
    socket.on('close', () => {
      fail();
    });
  }

  static open(port: number): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new HttpConnection(socket));
      });
    });
  }

  /** @throws Error when the server has closed the connection, or closes it before it has answered */
  send(request: Uint8Array): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed || this.#socket.readableEnded) {
        reject(new Error('the connection was closed'));
        return;
      }
      this.#waiting = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #takeAnswer(): void {
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.toString('latin1', 0, headEnd);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    const bodyAt = headEnd + HEAD_END.length;
    let end: number;
    if (length !== undefined) end = bodyAt + Number(length);
    else {
      const last = this.#received.indexOf('0\r\n\r\n', bodyAt, 'latin1');
      if (last < 0) return;
      end = last + 5;
    }
    if (this.#received.length < end) return;
    const answer = {
      status: Number(head.slice(9, 12)),
      body: this.#received.toString('latin1', bodyAt, end),
    };
    this.#received = this.#received.subarray(end);
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(answer);
  }
}
