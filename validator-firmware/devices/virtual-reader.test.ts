import { describeCardReader, type ReaderBench } from './card-reader.fixture.ts';
import type { ReaderListener } from './card-reader.ts';
import { VirtualReader } from './virtual-reader.ts';

let reader = new VirtualReader(['left', 'right']);
const bench: ReaderBench = {
  readers: ['left', 'right'],
  open: (listener: ReaderListener) => reader.open(listener),
  insert: (name, card) => {
    reader.insert(name, card);
    return Promise.resolve();
  },
  remove: (name) => {
    reader.remove(name);
    return Promise.resolve();
  },
  lose: () => {
    reader.lose();
    return Promise.resolve();
  },
  restore: () => {
    reader.restore();
    return Promise.resolve();
  },
};

describeCardReader('virtual', {
  ...bench,
  open: async (listener) => {
    // What was inserted before the opening lies in the new readers too.
    const opened = await reader.open(listener);
    return {
      get readers() {
        return opened.readers;
      },
      close: async () => {
        await opened.close();
        reader = new VirtualReader(['left', 'right']);
      },
    };
  },
});
