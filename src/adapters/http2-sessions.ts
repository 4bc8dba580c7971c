import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import * as net from 'node:net';
import * as tls from 'node:tls';
import type { Connection } from '../core/model/connection.ts';
import { originText } from '../upstream/authority.ts';
import { originationOptions } from '../upstream/tls-origination.ts';
import { DECIDED, decidedSocket } from './decided-socket.ts';
import { hiddenField } from './hidden-field.ts';
import { recordOfSession } from './http2-connection.ts';
import type { Guard, UpstreamTarget } from './seam.ts';
import { carriesRequests } from './socket-exchange.ts';

/** Sessions beside one of the application before the oldest is closed. */
const MAX_BESIDE = 64;

const OWN_CONNECTION =
  'the program made the connection of this HTTP/2 session by other means than sockets, and the policy leads it elsewhere';

type Dialled = Connection & { readonly host: string };

/**
 * A session is one connection to one place. Where the route of a stream leads elsewhere, a further session carries it:
 * one for each target, opened when it is first needed, and closed with the session that the application holds.
 */
export class Http2Sessions {
  readonly #guard: Guard;
  readonly #beside = new WeakMap<ClientHttp2Session, Map<string, ClientHttp2Session>>();
  readonly #sessions = new Set<WeakRef<ClientHttp2Session>>();
  readonly #governed = new WeakMap<ClientHttp2Session, boolean>();

  constructor(guard: Guard) {
    this.#guard = guard;
    guard.onUpdate(() => this.#updated());
  }

  /** Whether the session's streams are decided one by one; those of undici were decided where they were dispatched. */
  governs(session: ClientHttp2Session): boolean {
    const known = this.#governed.get(session);
    if (known !== undefined) return known;
    const governed = hiddenField(session, 'open streams') === undefined;
    this.#governed.set(session, governed);
    if (governed) this.#remember(session);
    return governed;
  }

  /** Its connection is to be looked at when the policy changes. */
  #remember(session: ClientHttp2Session): void {
    const ref = new WeakRef(session);
    this.#sessions.add(ref);
    carriesRequests(hiddenField(session, 'socket'));
    session.once('close', () => this.#sessions.delete(ref));
  }

  /** The session that carries a stream: the application's own, or one beside it. Throws what is to be said where there can be none. */
  carrierOf(session: ClientHttp2Session, target: UpstreamTarget | undefined, dialled: Dialled): ClientHttp2Session {
    const record = recordOfSession(this.#guard, session);
    if (record?.target?.key === target?.key && !session.closed && !session.destroyed) return session;
    if (record === undefined) {
      const refusal = this.#guard.unroutable(dialled, OWN_CONNECTION);
      if (refusal) throw refusal;
      return session;
    }
    const { transport = 'tcp', host, port } = dialled;
    const key = `${this.#guard.generation} ${transport} ${host} ${port} ${target?.key ?? ''}`;
    const beside = this.#besideOf(session);
    let carrier = beside.get(key);
    if (carrier === undefined || carrier.closed || carrier.destroyed) {
      carrier = this.#open(session, target, dialled);
      beside.set(key, carrier);
      const [oldest] = beside.keys();
      if (beside.size > MAX_BESIDE && oldest !== undefined) {
        beside.get(oldest)?.close();
        beside.delete(oldest);
      }
    }
    return carrier;
  }

  /** A session beside another does not outlive it, and does not hold the process while nothing goes on. */
  carries(session: ClientHttp2Session, carrier: ClientHttp2Session, stream: ClientHttp2Stream): void {
    if (carrier === session) return;
    carrier.ref();
    stream.once('close', () => {
      if (carrier.destroyed || !isIdle(carrier)) return;
      if (session.destroyed) carrier.close();
      else carrier.unref();
    });
  }

  #besideOf(session: ClientHttp2Session): Map<string, ClientHttp2Session> {
    let beside = this.#beside.get(session);
    if (beside) return beside;
    const opened = new Map<string, ClientHttp2Session>();
    this.#beside.set(session, (beside = opened));
    session.once('close', () => {
      // NODE: `closed` is false after `destroy()` alone. What was closed in peace lets its streams end.
      for (const carrier of opened.values())
        if (session.closed) carrier.close();
        else carrier.destroy();
    });
    return beside;
  }

  #open(session: ClientHttp2Session, target: UpstreamTarget | undefined, dialled: Dialled): ClientHttp2Session {
    const { host, port, transport = 'tcp', sni } = dialled;
    const mark = decidedSocket({
      guard: this.#guard,
      generation: this.#guard.generation,
      connection: { host, port, transport, protocol: 'http2', ...(sni !== undefined && { sni }) },
      host,
      port,
      ...(target && { target }),
    });
    const options = { host, port, [DECIDED]: mark };
    const connect = (): net.Socket => {
      if (transport === 'tls') return tls.connect({ ...tlsOptionsOf(session), ...options });
      if (target?.tls === undefined) return net.connect(options);
      return tls.connect({ ...originationOptions(target, this.#guard.meshCertificates, 'h2'), ...options });
    };
    const carrier = process.getBuiltinModule('node:http2').connect(originText(transport === 'tls', host, port), {
      createConnection: connect,
      settings: settingsOf(session),
    });
    // Its streams tell what became of it.
    carrier.on('error', () => undefined);
    return carrier;
  }

  /** Marks are void now. Idle sessions to what is denied are closed, others are decided again at their next request. */
  #updated(): void {
    for (const ref of this.#sessions) {
      const session = ref.deref();
      if (session === undefined) {
        this.#sessions.delete(ref);
        continue;
      }
      const beside = this.#beside.get(session);
      for (const carrier of beside?.values() ?? []) carrier.close();
      beside?.clear();
      const record = recordOfSession(this.#guard, session);
      const denied = record && record.path === undefined && !this.#guard.admits(record.connection);
      if (denied && isIdle(session)) session.close();
    }
  }
}

/** What the application set for TLS; the socket it had is not for another. */
function tlsOptionsOf(session: ClientHttp2Session): tls.ConnectionOptions {
  const socket = hiddenField(session, 'socket');
  const given = typeof socket === 'object' && socket !== null ? hiddenField(socket, 'connect-options') : undefined;
  const { socket: _socket, session: _ticket, path: _path, ...kept } = (given ?? {}) as tls.ConnectionOptions;
  return { ALPNProtocols: ['h2'], ...kept };
}

function settingsOf(session: ClientHttp2Session): Record<string, number> {
  const kept: Record<string, number> = {};
  for (const name of ['initialWindowSize', 'maxFrameSize', 'maxHeaderListSize'] as const) {
    const value = session.localSettings[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

/** Whether no stream is open. */
function isIdle(session: ClientHttp2Session): boolean {
  const state = hiddenField(session, 'state') as
    { readonly streams?: ReadonlyMap<unknown, unknown>; readonly pendingStreams?: ReadonlySet<unknown> } | undefined;
  return state?.streams?.size === 0 && state.pendingStreams?.size === 0;
}
