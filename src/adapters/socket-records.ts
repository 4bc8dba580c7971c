import type { Socket } from 'node:net';
import type { Connection } from '../core/model/connection.ts';
import type { ConnectionRetry, DecidedSocket } from './decided-socket.ts';
import type { Guard, UpstreamTarget } from './seam.ts';
import type { ConnectOutcome } from './socket-below.ts';

/** How the connection below one socket is brought about. Made for each `connect`, and of no use after it. */
export interface ConnectAttempt {
  /** For each address that is dialled, in milliseconds; undefined: as long as the kernel takes. */
  timeoutMs: number | undefined;
  /** TLS that the policy originates on this very socket: the time runs until its handshake is done. */
  readonly secure: boolean;
  /** How it is dialled again when it fails; undefined: not at all. */
  readonly redial: Redial | undefined;
  /** How many addresses the name had: each of them is tried before the attempt has failed. */
  addresses: number;
  /** What came of a connection that was made below: Node does not dial by itself. */
  delivered?: ConnectOutcome;
}

/** What is needed to dial once more. */
export interface Redial {
  readonly retry: ConnectionRetry;
  readonly mark: DecidedSocket;
  /** Of the first attempt, before anything was changed in them. */
  readonly options: Readonly<Record<PropertyKey, unknown>>;
  /** Opens a further connection where no seam below would know its mark. Absent: it is dialled by the mark. */
  readonly open?: (target: UpstreamTarget | undefined, options: Readonly<Record<PropertyKey, unknown>>) => Socket;
}

/** What a socket was dialled to, by the application's own word. */
export interface SocketRecord {
  readonly connection: Connection & { readonly host: string };
  readonly transport: 'tcp' | 'tls';
  /** Addresses (`ip port`) that were admitted for this attempt: the handle below dials no other. */
  readonly admitted: Set<string>;
  readonly path?: string;
  /** Where it was led instead. */
  readonly target?: UpstreamTarget | undefined;
  readonly attempt?: ConnectAttempt | undefined;
}

/** Where a proxy was asked to lead a connection. */
export interface TunnelEnd {
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Where each live socket leads, as far as this guard saw it being dialled. Holds no socket alive. */
export class SocketRecords {
  readonly #records = new WeakMap<object, SocketRecord>();
  readonly #live = new Set<WeakRef<Socket>>();
  readonly #collected = new FinalizationRegistry<WeakRef<Socket>>((ref) => this.#live.delete(ref));

  readonly #tunnels = new WeakMap<object, TunnelEnd>();
  /** The handle seam is there, and this Node lets a handle be exchanged: a connection may be made below a socket. */
  exchangesHandles = false;
  #expected: { readonly host: string; readonly port: number } | undefined;

  set(socket: Socket, record: SocketRecord): void {
    if (!this.#records.has(socket)) {
      const ref = new WeakRef(socket);
      this.#live.add(ref);
      this.#collected.register(socket, ref);
    }
    this.#records.set(socket, record);
  }

  /** It goes elsewhere than it was dialled to. */
  lead(socket: Socket, target: UpstreamTarget): void {
    const record = this.#records.get(socket);
    if (record) this.#records.set(socket, { ...record, target });
  }

  /** What uses a socket leads where the socket does. */
  noteUse(user: object, record: SocketRecord): void {
    this.#records.set(user, record);
  }

  get(socket: unknown): SocketRecord | undefined {
    return typeof socket === 'object' && socket !== null ? this.#records.get(socket) : undefined;
  }

  /** A proxy was asked, and admitted, to lead this connection to an authority: `host:port`. */
  tunnelled(socket: unknown, authority: string): void {
    const [, host, digits] = /^\[?(.*?)\]?:(\d{1,5})$/.exec(authority) ?? [];
    const port = Number(digits);
    if (typeof socket === 'object' && socket !== null && host && port > 0) this.#tunnels.set(socket, { host, port });
  }

  /** The other end of the tunnel that a CONNECT request dug through this connection. */
  tunnelEnd(socket: unknown): TunnelEnd | undefined {
    return typeof socket === 'object' && socket !== null ? this.#tunnels.get(socket) : undefined;
  }

  /** A pool made this connection for a decided request. */
  created(socket: unknown, { connection, host, port }: DecidedSocket): void {
    if (typeof socket !== 'object' || socket === null) return;
    const dialled = this.#records.get(socket);
    this.set(socket as Socket, {
      connection: { ...connection, host, port },
      transport: connection.transport ?? 'tcp',
      admitted: dialled?.admitted ?? new Set(),
      attempt: dialled?.attempt,
    });
  }

  /**
   * The connect that follows at once is made by a pool whose requests are decided and logged one by one: it gets no
   * log line of its own. It is decided all the same.
   */
  expect(host: string, port: number): void {
    this.#expected = { host, port };
    queueMicrotask(() => (this.#expected = undefined));
  }

  takeExpected(host: string, port: number): boolean {
    const expected = this.#expected;
    if (expected?.host !== host || expected.port !== port) return false;
    this.#expected = undefined;
    return true;
  }

  /** Sockets that are still open. */
  *open(): Generator<readonly [Socket, SocketRecord]> {
    for (const ref of this.#live) {
      const socket = ref.deref();
      const record = socket && this.#records.get(socket);
      if (!socket || socket.destroyed) this.#live.delete(ref);
      else if (record) yield [socket, record];
    }
  }
}

const byGuard = new WeakMap<Guard, SocketRecords>();

export function recordsOf(guard: Guard): SocketRecords {
  let records = byGuard.get(guard);
  if (!records) byGuard.set(guard, (records = new SocketRecords()));
  return records;
}
