import { measureTerminal } from './terminal.ts';

// The bench of one tap in a process of its own, started as the program of a gate is; prints its figures as JSON.
console.log(JSON.stringify(await measureTerminal()));
