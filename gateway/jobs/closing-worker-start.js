// A worker thread does not inherit tsx on every Node, so it is brought up by a file that Node itself can read.
import { register } from 'tsx/esm/api';

register();
await import('./closing-worker.ts');
