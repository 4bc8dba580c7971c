import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { findEgressError } from '../errors.ts';
import { originationOptions } from '../upstream/tls-origination.ts';
import { openTunnel } from '../upstream/tunnel.ts';
import { DECIDED, decidedSocket, type DecidedSocket } from './decided-socket.ts';
import type { UpstreamTarget } from './seam.ts';
import { isConnectTimeout, isRefusal } from './upstream-failure.ts';
import { connectTimeout, systemError } from './socket-failure.ts';
import { recordsOf, type Redial } from './socket-records.ts';

/** How a connection came to nothing, in the terms in which a handle tells it. */
export interface ConnectFailure {
  /** libuv's number, below zero. */
  readonly status: number;
  readonly address: string;
  readonly port: number;
  readonly cause?: Error | undefined;
  /** Addresses (`ip port`) that were found and admitted, for a further try. */
  readonly admitted?: ReadonlySet<string> | undefined;
}

export type ConnectOutcome =
  | { readonly kind: 'connected'; readonly stream: Duplex }
  | { readonly kind: 'failed'; readonly failure: ConnectFailure }
  /** It may not be dialled, or its name is not known. */
  | { readonly kind: 'refused'; readonly error: Error };

/** What is to be dialled below a socket that is not ours. */
export interface Below {
  readonly mark: DecidedSocket;
  /** Where this time: not necessarily the mark's own. */
  readonly target: UpstreamTarget | undefined;
  /** Whether TLS of the target is part of it, or the socket above speaks it. */
  readonly originate: boolean;
  /** Of the socket above. */
  readonly options: Readonly<Record<PropertyKey, unknown>>;
  readonly open?: Redial['open'] | undefined;
}

/** Those of the options above that are about the bytes, and not about TLS or streams. */
const DIALLING = [
  'family',
  'hints',
  'lookup',
  'localAddress',
  'localPort',
  'autoSelectFamily',
  'autoSelectFamilyAttemptTimeout',
];

/**
 * Makes a connection with sockets of ours, decided like any other: bytes, TLS that the policy originates, and the way
 * through a proxy's tunnel. Called back once, never at once. Gives what breaks it off.
 */
export function openBelow(below: Below, callback: (outcome: ConnectOutcome) => void): () => void {
  const { mark, target } = below;
  let settled = false;
  const settle = (outcome: ConnectOutcome): void => {
    if (settled) return;
    settled = true;
    callback(outcome);
  };
  let socket: Socket;
  try {
    socket = dial(below);
  } catch (error) {
    // A file of the rule that cannot be read.
    setImmediate(settle, { kind: 'refused', error: error as Error });
    return () => (settled = true);
  }
  socket.on('error', (error: NodeJS.ErrnoException) => {
    settle(outcomeOf(error, recordsOf(mark.guard).get(socket)?.admitted));
  });
  socket.once(socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect', () => {
    if (target?.tunnel) passThrough(socket, target, mark, settle);
    else settle({ kind: 'connected', stream: socket });
  });
  return () => {
    settled = true;
    socket.destroy();
  };
}

function dial({ mark, target, originate, options, open }: Below): Socket {
  const { host, port } = mark;
  const secure = target?.tunnel ? target.tunnel.tls : originate ? target?.tls : undefined;
  const fields: Record<PropertyKey, unknown> = {};
  for (const name of DIALLING) if (options[name] !== undefined) fields[name] = options[name];
  if (open) return open(target, fields);
  Object.assign(fields, { host, port, [DECIDED]: bytesOnly(mark, target, secure?.servername) });
  if (!target || !secure) return new Socket().pause().connect(fields as unknown as { port: number });
  const { alpn, guard } = mark;
  const inside = alpn?.includes('h2') ? 'h2' : alpn?.includes('http/1.1') ? 'http/1.1' : 'bytes';
  return tls.connect({ ...fields, ...originationOptions({ ...target, tls: secure }, guard.meshCertificates, inside) });
}

/** The same destination, for a socket that carries bytes and tries once; the server name is the policy's own. */
function bytesOnly(mark: DecidedSocket, target: UpstreamTarget | undefined, sni: string | undefined): DecidedSocket {
  const { retry: _retry, connectRetry: _connectRetry, target: _target, ...rest } = mark;
  const connection = sni === undefined ? mark.connection : { ...mark.connection, sni };
  return decidedSocket({ ...rest, connection, below: true, ...(target && { target }) });
}

/** A proxy that does not answer is given as long as the connection to it was. */
function passThrough(
  socket: Socket,
  { tunnel, host, port, cluster }: UpstreamTarget,
  { connectTimeoutMs = cluster.connectTimeoutMs }: DecidedSocket,
  settle: (outcome: ConnectOutcome) => void,
): void {
  const { remoteAddress: address = host, remotePort = port } = socket;
  const fail = (name: string, cause: Error): void => {
    settle({ kind: 'failed', failure: { status: systemError(name), address, port: remotePort, cause } });
    socket.destroy();
  };
  const timer = setTimeout(
    () => fail('ETIMEDOUT', connectTimeout(host, port, connectTimeoutMs)),
    connectTimeoutMs,
  ).unref();
  if (!tunnel) return;
  openTunnel(socket, tunnel, (outcome) => {
    clearTimeout(timer);
    if (outcome.kind === 'open') settle({ kind: 'connected', stream: outcome.stream });
    else fail('ECONNREFUSED', new Error(outcome.reason));
  });
}

/** Of several addresses the last one counts. What is no connect error has its own words (a certificate, a name). */
function outcomeOf(error: NodeJS.ErrnoException, admitted: ReadonlySet<string> | undefined): ConnectOutcome {
  const last = ((error as { errors?: NodeJS.ErrnoException[] }).errors?.at(-1) ?? error) as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  const { errno, address, port, syscall } = last;
  if (isRefusal(error) || syscall !== 'connect' || errno === undefined || address === undefined)
    return { kind: 'refused', error };
  const cause = isConnectTimeout(last) ? findEgressError(last) : undefined;
  return { kind: 'failed', failure: { status: errno, address, port: port ?? 0, cause, admitted } };
}
