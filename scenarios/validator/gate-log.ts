/** What happens at the gate, as lines for people or JSON for programs. */
export class GateLog {
  readonly #json: boolean;

  constructor(json: boolean) {
    this.#json = json;
  }

  say(event: string, fields: Readonly<Record<string, unknown>>, text: string): void {
    process.stdout.write(
      this.#json ? `${JSON.stringify({ event, ...fields })}\n` : `${event.padEnd(8)} ${text}\n`,
    );
  }
}
