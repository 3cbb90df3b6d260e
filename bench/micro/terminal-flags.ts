/** As `npm run validator` starts the program: a terminal has little memory, and its young generation need not grow to a server's. */
export const TERMINAL_FLAGS = ['--max-semi-space-size=2'];
