import type { Socket } from 'node:net';
import * as tls from 'node:tls';
import type { UpstreamTarget } from '../upstream/request-plan.ts';
import { originationOptions } from '../upstream/tls-origination.ts';
import { DECIDED, decidedSocket, type DecidedSocket } from './decided-socket.ts';
import type { NodeAgent } from './http-connection.ts';
import { RelaySocket } from './http-relay-socket.ts';
import type { Guard } from './seam.ts';
import { failingSocket } from './socket-failure.ts';
import { guardLookup, pinnedLookup } from './socket-lookup.ts';
import { recordsOf } from './socket-records.ts';
import { AttemptAlone } from './tcp-alone.ts';

type Options = Record<PropertyKey, unknown>;

const TUNNEL_NEEDS_INSTALL = 'a tunnel needs install(): a wrapped agent alone cannot make one';

/**
 * A new connection for the pool: to the target, with TLS originated where the policy says so. With `alone` (an agent that
 * was wrapped, in a process that is not governed) the addresses are decided here, else at the socket below.
 */
export function governCreateConnection(
  guard: Guard,
  original: NodeAgent['createConnection'],
  alone: boolean,
): NodeAgent['createConnection'] {
  return function createConnection(this: NodeAgent, ...args: unknown[]): unknown {
    const [options] = args as [Options | undefined];
    const mark = typeof options === 'object' && options !== null ? (options[DECIDED] as DecidedSocket) : undefined;
    if (!guard.active || !options || mark?.guard !== guard) return original.apply(this, args);
    const connect = (target: UpstreamTarget | undefined): Socket => {
      // A tunnel is made below the socket: in a process that is not governed nobody is there to make it.
      const refusal = alone && target?.tunnel ? guard.unroutable(mark.connection, TUNNEL_NEEDS_INSTALL) : undefined;
      if (refusal) return failingSocket(refusal, { secure: false, host: mark.host, port: mark.port });
      const attempt = alone ? new AttemptAlone(guard, mark, target, options) : undefined;
      const changed = attempt || target || mark.address !== undefined;
      const dial = changed ? dialOptions(guard, options, mark, target, attempt?.admit) : options;
      const socket =
        target?.tls && this.protocol !== 'https:'
          ? originate(guard, dial, target)
          : (original.call(this, dial, ...(mark.retry ? [] : args.slice(1))) as Socket);
      attempt?.watch(socket);
      return socket;
    };
    const { target, retry } = mark;
    const secure = this.protocol === 'https:';
    const socket = retry
      ? new RelaySocket({ ...retry, target, secure, connect, random: Math.random })
      : connect(target);
    recordsOf(guard).created(socket, mark);
    return socket;
  };
}

/** What a rule's files lack shows where a failed handshake would. */
function originate(guard: Guard, dial: Options, target: UpstreamTarget): tls.TLSSocket | Socket {
  try {
    return tls.connect({ ...dial, ...originationOptions(target, guard.meshCertificates) });
  } catch (error) {
    return failingSocket(error as Error, { secure: false, host: target.host, port: target.port });
  }
}

/** The options with which the target is dialled. A governed process decides the addresses at the socket below; `admit`: here. */
function dialOptions(
  guard: Guard,
  options: Options,
  mark: DecidedSocket,
  target: UpstreamTarget | undefined,
  admit: ((address: string) => void) | undefined,
): Options {
  const { connection, address } = mark;
  const host = target ? target.host : mark.host;
  const fields: Options = { ...options, host, port: target?.port ?? mark.port };
  const dial = Object.assign(Object.create(null) as Options, fields);
  // A further try goes to another endpoint: the mark has to mean that one.
  if (target && target !== mark.target) dial[DECIDED] = decidedSocket({ ...mark, target });
  if (target?.path !== undefined) {
    delete dial['host'];
    delete dial['port'];
    dial['path'] = target.path;
    return dial;
  }
  if (address !== undefined) dial['lookup'] = pinnedLookup(address);
  else if (admit)
    dial['lookup'] = guardLookup(guard, connection, target ? 'target' : 'request', options['lookup'], admit);
  // TLS of the application goes on checking the name that the application asked for.
  if (target && connection.transport === 'tls' && !options['servername']) {
    const check = (options['checkServerIdentity'] ?? tls.checkServerIdentity) as typeof tls.checkServerIdentity;
    dial['checkServerIdentity'] = (_host: string, certificate: tls.PeerCertificate) => check(mark.host, certificate);
  }
  return dial;
}
