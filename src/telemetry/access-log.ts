import type { MeshConfig } from '../core/model/mesh-config.ts';
import { compileAccessLogFormat, compileIstioAccessLogFormat } from './access-log-format.ts';
import type { AccessLogFormatter, JsonFormat } from './access-log-format.ts';
import { FileSink } from './access-log-sink.ts';
import type { AccessLogSink } from './access-log-sink.ts';
import { fromByteString } from './byte-string.ts';
import { ExchangeEntry } from './exchange-entry.ts';
import type { Exchange, ExchangeObserver } from './exchange.ts';
import { noteRejection } from './foreign-call.ts';

/** How many lines for a file are spelled out together. */
const TOGETHER = 16;

/** Gets each line, without its newline, and what it tells of. A promise may be returned; its rejection is ignored. */
export type AccessLogFunction = (line: string, exchange: Exchange) => unknown;

export interface AccessLogOptions {
  /** `stdout`, `stderr`, a file, or a function. Absent: MeshConfig's `accessLogFile`. */
  readonly to?: 'stdout' | 'stderr' | (string & {}) | AccessLogFunction;
  /** Envoy's command operators; an object is a JSON format. Absent: MeshConfig's `accessLogFormat`, or Istio's default. */
  readonly format?: string | JsonFormat;
  /** Absent: MeshConfig's `accessLogEncoding`. */
  readonly encoding?: 'TEXT' | 'JSON';
  /** Drops the query from paths. Istio prints it. */
  readonly omitQuery?: boolean;
  /** Also logs what is not captured, which a sidecar never sees. */
  readonly bypassed?: boolean;
}

/** What `createEgress({ accessLog })` takes: where to, or all options; `false` is no log whatever the mesh config says. */
export type AccessLogSetting = boolean | string | AccessLogFunction | AccessLogOptions;

type MeshAccessLog = Pick<MeshConfig, 'accessLogFile' | 'accessLogFormat' | 'accessLogEncoding'>;

/**
 * One line per request or connection, at its end. Undefined: there is nothing to log to.
 *
 * @throws ERR_EGRESS_CONFIG when the format is not one that Envoy would take.
 */
export function createAccessLog(setting: AccessLogSetting | undefined, mesh: MeshAccessLog): AccessLog | undefined {
  const options = toOptions(setting);
  if (options === undefined) return undefined;
  const to = options.to ?? mesh.accessLogFile;
  if (to === '') return undefined;
  const format = compileFormat(options, mesh);
  return new AccessLog(typeof to === 'function' ? to : openSink(to), format, options);
}

function toOptions(setting: AccessLogSetting | undefined): AccessLogOptions | undefined {
  if (setting === false) return undefined;
  if (setting === true) return { to: 'stdout' };
  if (typeof setting === 'string' || typeof setting === 'function') return { to: setting };
  return setting ?? {};
}

function compileFormat(options: AccessLogOptions, mesh: MeshAccessLog): AccessLogFormatter {
  if (typeof options.format === 'object') return compileAccessLogFormat(options.format, { encoding: 'JSON' });
  const encoding = options.encoding ?? mesh.accessLogEncoding;
  // The mesh's own format belongs to the mesh's own encoding.
  const inherited = encoding === mesh.accessLogEncoding ? mesh.accessLogFormat : '';
  return compileIstioAccessLogFormat(options.format ?? inherited, encoding);
}

function openSink(to: string): FileSink {
  return new FileSink(to === 'stdout' ? 1 : to === 'stderr' ? 2 : to);
}

export class AccessLog implements ExchangeObserver {
  /** Lines that could not be formatted or handed on. */
  failures = 0;
  readonly #sink: AccessLogSink | undefined;
  readonly #tell: AccessLogFunction | undefined;
  readonly #format: AccessLogFormatter;
  readonly #omitQuery: boolean;
  readonly #bypassed: boolean;
  readonly #ended: Exchange[] = [];
  readonly #spell = (): void => this.#spellOut();

  constructor(to: AccessLogSink | AccessLogFunction, format: AccessLogFormatter, options: AccessLogOptions = {}) {
    this.#sink = typeof to === 'function' ? undefined : to;
    this.#tell = typeof to === 'function' ? to : undefined;
    this.#format = format;
    this.#omitQuery = options.omitQuery ?? false;
    this.#bypassed = options.bypassed ?? false;
  }

  /** Lines that were lost. */
  get dropped(): number {
    return this.failures + (this.#sink?.dropped ?? 0);
  }

  /** INVARIANT: never throws, whatever the exchange holds and the function does. */
  onEnd(exchange: Exchange): void {
    try {
      if (exchange.carriesRequests === true || (exchange.decision.reason === 'not_captured' && !this.#bypassed)) return;
      if (this.#tell === undefined) this.#gather(exchange);
      else {
        const line = this.#lineOf(exchange);
        noteRejection(this.#tell(fromByteString(line.endsWith('\n') ? line.slice(0, -1) : line), exchange));
      }
    } catch {
      this.failures += 1;
    }
  }

  /**
   * Lines are spelled out some at a time: one by one, each between two requests, they take three times as long, since by
   * then the processor's caches hold other things.
   */
  #gather(exchange: Exchange): void {
    const { request } = exchange.connection;
    // What was sent is told, whatever the application makes of its headers meanwhile.
    if (request !== undefined && !('header' in request)) void request.headers;
    this.#ended.push(exchange);
    if (this.#ended.length >= TOGETHER) this.#spellOut();
    else if (this.#ended.length === 1) this.#sink?.expect(this.#spell);
  }

  #spellOut(): void {
    for (const exchange of this.#ended)
      try {
        this.#sink?.write(this.#lineOf(exchange));
      } catch {
        this.failures += 1;
      }
    this.#ended.length = 0;
  }

  #lineOf(exchange: Exchange): string {
    return this.#format(this.#omitQuery ? new QuerylessEntry(exchange) : new ExchangeEntry(exchange));
  }

  flush(): void {
    this.#sink?.flush();
  }

  close(): void {
    this.#sink?.close();
  }
}

class QuerylessEntry extends ExchangeEntry {
  override get path(): string | undefined {
    return super.path?.split('?', 1)[0];
  }

  override get originalPath(): string | undefined {
    return super.originalPath?.split('?', 1)[0];
  }
}
