import http from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { findEgressError } from '../errors.ts';
import type { Guard } from './seam.ts';

/** One client layer: whether it obeyed, and what it said. */
export interface VerifiedLayer {
  readonly layer: string;
  readonly denied: boolean;
  readonly error?: string;
}

/** What `verify()` found. */
export interface Verification {
  /** Every layer obeys. */
  readonly ok: boolean;
  readonly layers: readonly VerifiedLayer[];
  /**
   * Functions of Node that somebody replaced after us, `Socket.prototype.connect`. No harm by itself: whoever calls ours
   * from theirs leaves it in force, and a layer that no longer obeys is told of above.
   */
  readonly replaced: readonly string[];
}

/** A guard that can be told to deny one port of 127.0.0.1. */
interface ProbedGuard extends Guard {
  probe: number | undefined;
}

type Attempt = (port: number) => Promise<unknown>;

/** One attempt for each function of Node that a client may go through. */
const LAYERS: Readonly<Record<string, Attempt>> = {
  'net.connect': (port) => opened(net.connect(port, '127.0.0.1')),
  'net.Socket': (port) => opened(new net.Socket().connect({ host: '127.0.0.1', port })),
  'tls.connect': (port) => opened(tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false })),
  'http.request': (port) => answered(http.get({ host: '127.0.0.1', port, agent: false })),
  'http.Agent': (port) => answered(http.get({ host: '127.0.0.1', port, agent: new http.Agent({ keepAlive: true }) })),
  'https.request': (port) => answered(https.get({ host: '127.0.0.1', port, agent: false, rejectUnauthorized: false })),
  'http2.connect': (port) => opened(process.getBuiltinModule('node:http2').connect(`http://127.0.0.1:${port}`)),
  fetch: (port) => fetch(`http://127.0.0.1:${port}/`).then((response) => response.text()),
};

/**
 * Tries to reach a listener on 127.0.0.1 through every layer while the guard denies it. A layer obeys when its client
 * fails with our error and the listener saw nobody.
 */
export async function verifySeams(guard: ProbedGuard, replaced: () => readonly string[]): Promise<Verification> {
  let visitors = 0;
  const server = net.createServer((socket) => {
    visitors += 1;
    socket.on('error', () => undefined).destroy();
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  guard.probe = port;
  try {
    const layers: VerifiedLayer[] = [];
    for (const [layer, attempt] of Object.entries(LAYERS)) {
      const before = visitors;
      const error: unknown = await attempt(port).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      const found = findEgressError(error);
      layers.push({
        layer,
        denied: found !== undefined && visitors === before,
        ...(found ? {} : { error: error instanceof Error ? error.message : 'connected' }),
      });
    }
    return { ok: layers.every(({ denied }) => denied), layers, replaced: replaced() };
  } finally {
    guard.probe = undefined;
    server.close();
  }
}

function opened(socket: net.Socket | ClientHttp2Session): Promise<unknown> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}

function answered(request: http.ClientRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response) => {
      response.resume();
      resolve(undefined);
    });
  });
}
