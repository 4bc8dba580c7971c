/** A port of 127.0.0.1 that answers no connection attempt: its queue is full and nobody accepts. Linux drops the rest. */
import net from 'node:net';
import { Worker } from 'node:worker_threads';

const LISTENER = `
const { parentPort, workerData } = require('node:worker_threads');
const server = require('node:net').createServer();
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  setImmediate(() => Atomics.wait(workerData, 0, 0));
});`;

export interface BlackHole {
  readonly port: number;
  close(): Promise<unknown>;
}

export async function blackHole(): Promise<BlackHole> {
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(LISTENER, { eval: true, workerData: asleep, execArgv: [] });
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  const fillers: net.Socket[] = [];
  for (let quiet = false; !quiet;) {
    const filler = net.connect(port, '127.0.0.1').on('error', () => undefined);
    fillers.push(filler);
    quiet = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(true), 200);
      filler.once('connect', () => {
        clearTimeout(timer);
        resolve(false);
      });
    });
  }
  return {
    port,
    close: () => {
      for (const filler of fillers) filler.destroy();
      Atomics.store(asleep, 0, 1);
      Atomics.notify(asleep, 0);
      return worker.terminate();
    },
  };
}
