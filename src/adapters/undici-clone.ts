import { hiddenField } from './hidden-field.ts';
import { agentOptions, isLeaf } from './undici-dispatcher.ts';
import type { AgentClass, Dispatcher } from './undici-dispatcher.ts';

type Options = Record<PropertyKey, unknown>;

/** undici's function that opens a connection: one of an application, or one that undici made of options. */
export type Connector = (options: Options, callback: (error: Error | null, socket?: object) => void) => unknown;

/** What has connections of its own, and how another of its kind is made whose connections lead elsewhere. */
export interface Pooling {
  /** The connect options or the connector that it has. */
  readonly connect: Options | Connector | undefined;
  /** Another with the same options, apart from `connect`, for an origin. */
  make(connect: Options | Connector, origin: string): Dispatcher;
  /** The connector that undici makes of connect options, for an origin. Undefined: its pools are not undici's. */
  connectorOf?(connect: Options, origin: string): Connector | undefined;
}

/** Fields of a Client that hold what it was given, by undici's description of their symbol, in versions 6 to 8. */
const CLIENT_OPTIONS: readonly (readonly [field: string, option: string])[] = [
  ['pipelining', 'pipelining'],
  ['max headers size', 'maxHeaderSize'],
  ['default keep alive timeout', 'keepAliveTimeout'],
  ['max keep alive timeout', 'keepAliveMaxTimeout'],
  ['keep alive timeout threshold', 'keepAliveTimeoutThreshold'],
  ['local address', 'localAddress'],
  ['body timeout', 'bodyTimeout'],
  ['headers timeout', 'headersTimeout'],
  ['strict content length', 'strictContentLength'],
  ['maxRequestsPerClient', 'maxRequestsPerClient'],
  ['max response size', 'maxResponseSize'],
  ['max concurrent streams', 'maxConcurrentStreams'],
  ['http2 initial window size', 'initialWindowSize'],
  ['http2 connection window size', 'connectionWindowSize'],
  ['ping interval', 'pingInterval'],
  ['webSocketOptions', 'webSocket'],
  ['eventSourceOptions', 'eventSource'],
];

/** Undefined: it hands requests on to others, or is none of undici's own. */
export function poolingOf(dispatcher: object): Pooling | undefined {
  const ofAgent = agentOptions(dispatcher);
  if (ofAgent) return agentPooling(dispatcher, ofAgent);
  if (!(hiddenField(dispatcher, 'url') instanceof URL)) return undefined;
  if (isLeaf(dispatcher)) return clientPooling(dispatcher);
  const options = hiddenField(dispatcher, 'options');
  return typeof options === 'object' && options !== null ? poolPooling(dispatcher, options as Options) : undefined;
}

function agentPooling(agent: object, options: Options): Pooling {
  const Agent = agent.constructor as AgentClass;
  const { connect } = options;
  const own = {
    ...given(hiddenField(agent, 'factory'), 'factory'),
    ...given(hiddenField(agent, 'maxRedirections'), 'maxRedirections'),
  };
  const make = (other: Options | Connector): Dispatcher => new Agent({ ...options, ...own, connect: other });
  return {
    connect: connect as Pooling['connect'],
    make,
    connectorOf: (other, origin) => connectorOf(make(other), origin),
  };
}

/** An Agent makes a Pool or a Client for each origin, and that its connector: one that is never asked for anything. */
function connectorOf(agent: Dispatcher, origin: string): Connector | undefined {
  const makePool = hiddenField(agent, 'factory') as (origin: string, options: Options | undefined) => object;
  const pool = makePool(origin, agentOptions(agent));
  const options = hiddenField(pool, 'options') as Options | undefined;
  const connector = hiddenField(pool, 'connector') ?? options?.['connect'];
  return typeof connector === 'function' ? (connector as Connector) : undefined;
}

type OfOrigin = new (origin: string, options: Options) => Dispatcher;

function poolPooling(pool: object, options: Options): Pooling {
  const Pool = pool.constructor as OfOrigin;
  const own = {
    ...given(hiddenField(pool, 'factory'), 'factory'),
    ...given(hiddenField(pool, 'connections'), 'connections'),
  };
  return {
    connect: options['connect'] as Pooling['connect'],
    make: (connect, origin) => new Pool(origin, { ...options, ...own, connect }),
  };
}

function clientPooling(client: object): Pooling {
  const Client = client.constructor as OfOrigin;
  return {
    connect: hiddenField(client, 'connector') as Pooling['connect'],
    make: (connect, origin) => {
      const options: Options = { connect };
      for (const [field, option] of CLIENT_OPTIONS) Object.assign(options, given(hiddenField(client, field), option));
      return new Client(origin, options);
    },
  };
}

function given(value: unknown, option: string): Options {
  return value === undefined || value === null ? {} : { [option]: value };
}
