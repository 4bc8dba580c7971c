import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { Duplex } from 'node:stream';
import { EgressError } from '../errors.ts';
import { recordOfSession, streamConnection, type StreamConnection } from './http2-connection.ts';
import { observeStream } from './http2-exchange.ts';
import { GovernedStream, type StreamCall } from './http2-governed.ts';
import {
  changeInPlace,
  changesHead,
  readStreamHeaders,
  rewritten,
  toStreamHeaders,
  valueOf,
  withAuthorityOf,
  type RequestHeaders,
} from './http2-headers.ts';
import { installOriginSet } from './http2-origin-set.ts';
import { Http2Sessions } from './http2-sessions.ts';
import { StandInStream } from './http2-stream.ts';
import type { PatchRegistry } from './patch-registry.ts';
import { CALL_OPTIONS } from './seam.ts';
import type { CallOptions, Guard, RequestVerdict } from './seam.ts';

type Request = (this: ClientHttp2Session, headers?: RequestHeaders, options?: StreamOptions) => ClientHttp2Stream;
type StreamOptions = Readonly<Record<PropertyKey, unknown>>;
type Proceed = Extract<RequestVerdict, { kind: 'proceed' }>;

/** Governs each stream of each HTTP/2 session. The bundled preload loads this file when `node:http2` was loaded. */
export function governStreams(guard: Guard, patches: PatchRegistry): void {
  const sessions = new Http2Sessions(guard);
  const prototype = sessionPrototype();
  installOriginSet(guard, patches, prototype);
  patches.wrap<Request>(prototype, 'request', (original) => {
    return function request(headers, options) {
      // A session that is over has its own words.
      if (!guard.active || this.destroyed || this.closed || !sessions.governs(this))
        return original.call(this, headers, options);
      try {
        return govern(guard, sessions, this, original, headers, options);
      } catch (error) {
        if (error instanceof Complaint) throw error.complaint;
        if (error instanceof EgressError) return refused(this, error);
        if (!guard.seamFailed('http2', error)) return original.call(this, headers, options);
        return refused(this, guard.internalError(error));
      }
    };
  });
}

/** What Node throws at the application's arguments is thrown at the application. */
class Complaint extends Error {
  readonly complaint: unknown;

  constructor(complaint: unknown) {
    super();
    this.complaint = complaint;
  }
}

/** Node does not export the class: a session over a stream that leads nowhere has it. */
function sessionPrototype(): object {
  const http2 = process.getBuiltinModule('node:http2');
  const nowhere = new Duplex({ read: () => undefined, write: (_chunk, _encoding, callback) => callback() });
  const session = http2.connect('http://localhost', { createConnection: () => nowhere });
  session.on('error', () => undefined);
  const prototype = Object.getPrototypeOf(session) as object;
  session.destroy();
  return prototype;
}

function govern(
  guard: Guard,
  sessions: Http2Sessions,
  session: ClientHttp2Session,
  original: Request,
  headers: RequestHeaders,
  options: StreamOptions | undefined,
): ClientHttp2Stream {
  const record = recordOfSession(guard, session);
  const request = (on: ClientHttp2Session, head: OutgoingHttpHeaders, opened?: StreamOptions): ClientHttp2Stream => {
    try {
      return original.call(on, head, opened);
    } catch (error) {
      throw new Complaint(error);
    }
  };
  // A unix socket was decided as such when it was opened.
  if (record?.path !== undefined) return original.call(session, headers, options);
  const list = readStreamHeaders(headers);
  const connection = streamConnection(session, record, list);
  const wishes = options?.[CALL_OPTIONS] as CallOptions | undefined;
  const verdict = decide(guard, session, connection, wishes);
  if (verdict.kind === 'proceed' && isPlain(verdict)) {
    const carrier = sessions.carrierOf(session, verdict.plan.target, connection);
    return open({ guard, sessions, session, carrier, connection, request, headers, options }, list, verdict);
  }
  const endStream = endsWithHeaders(list, options);
  const call: StreamCall = {
    guard,
    sessions,
    session,
    request,
    headers,
    list,
    options: options ?? {},
    endStream,
    wishes,
  };
  const governed = new GovernedStream(call, connection);
  try {
    if (verdict.kind === 'resolve') governed.whenConnected();
    else governed.carryOut(verdict);
  } catch (error) {
    governed.stream.on('error', () => undefined).destroy();
    throw error;
  }
  return governed.stream as unknown as ClientHttp2Stream;
}

/** Where the address decides, that of the connection is the one. */
function decide(
  guard: Guard,
  session: ClientHttp2Session,
  connection: StreamConnection,
  wishes: CallOptions | undefined,
): RequestVerdict {
  const verdict = guard.request(connection, 'http2', wishes);
  if (verdict.kind !== 'resolve' || session.connecting) return verdict;
  const address = session.socket.remoteAddress;
  if (address === undefined) return verdict;
  return guard.request({ ...connection, address }, 'http2', wishes);
}

/** Whether it is opened, and that is all: then the application gets Node's own stream. */
function isPlain({ plan, wait }: Proceed): boolean {
  return (
    wait === undefined &&
    plan.timeoutMs === undefined &&
    plan.delayMs === undefined &&
    plan.mirrors.length === 0 &&
    (plan.retries === undefined || (plan.retries.attempts <= 0 && plan.retries.perTryTimeoutMs === undefined))
  );
}

type Opening = Pick<StreamCall, 'guard' | 'sessions' | 'session' | 'request' | 'headers'> & {
  readonly carrier: ClientHttp2Session;
  readonly connection: StreamConnection;
  readonly options: StreamOptions | undefined;
};

function open(opening: Opening, list: ReturnType<typeof readStreamHeaders>, verdict: Proceed): ClientHttp2Stream {
  const { guard, sessions, session, carrier, connection, request, headers, options } = opening;
  const { plan, exchange } = verdict;
  const changed = changesHead(plan) ? rewritten(list, plan) : list;
  const said = carrier === session ? changed : withAuthorityOf(connection, changed);
  const head = said === list ? headers : toStreamHeaders(said, headers);
  const stream = request(carrier, head as OutgoingHttpHeaders, options as Record<PropertyKey, unknown>);
  sessions.carries(session, carrier, stream);
  if (plan.responseHeaders.length > 0)
    stream.prependOnceListener('response', (answer) => changeInPlace(answer, plan.responseHeaders));
  if (exchange) observeStream(guard, stream, exchange);
  return stream;
}

/** As Node has it: methods whose body means nothing have none, unless it is asked for. */
function endsWithHeaders(list: ReturnType<typeof readStreamHeaders>, options: StreamOptions | undefined): boolean {
  if (options?.['endStream'] !== undefined) return options['endStream'] === true;
  return ['GET', 'HEAD', 'DELETE'].includes(valueOf(list, ':method') ?? 'GET');
}

function refused(session: ClientHttp2Session, error: Error): ClientHttp2Stream {
  const stream = new StandInStream(session, {}, { endStream: true });
  setImmediate(() => stream.refuse(error));
  return stream as unknown as ClientHttp2Stream;
}
