import { EventEmitter } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type LookupFunction } from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import type { Record } from './behaviour.ts';
import { listen, onRequests, type RawRequest, type Server } from './servers.ts';
import { reduce, summary, Trace } from './trace.ts';

/** What the runner hands to a recording process: the same to each. */
export interface Equipment {
  /** Ports that the policy admits, by what it declares them to carry. */
  readonly ports: { readonly [K in Carried]: readonly number[] };
  readonly certificates: {
    readonly authority: string;
    /** `*.behaviour.test`, `localhost`, `127.0.0.1`, `::1`. */
    readonly server: KeyPair;
    readonly other: KeyPair;
    readonly client: KeyPair;
    readonly stranger: KeyPair;
  };
  /** A folder in which the policy admits unix sockets. */
  readonly folder: string;
}

interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

export type Carried = 'http' | 'tls' | 'tcp';

interface ServerOptions {
  readonly host?: string;
  readonly carried?: Carried;
  readonly path?: string;
}

/** How often each kind of port was used: a port rests as long as it can before it is used again. */
const used: { [K in Carried]: number } = { http: 0, tls: 0, tcp: 0 };

/** What one behaviour works with. Everything is put away when it is over. */
export class Lab {
  readonly trace = new Trace();
  readonly certificates: Equipment['certificates'];
  readonly #equipment: Equipment;
  readonly #servers: Server[] = [];
  readonly #putAway: (() => unknown)[] = [];
  readonly #masks: [string, string][] = [];

  constructor(equipment: Equipment) {
    this.#equipment = equipment;
    this.certificates = equipment.certificates;
  }

  /** A server of Node's own. Dates are not sent: they differ. */
  async http(listener: http.RequestListener, options: http.ServerOptions & ServerOptions = {}): Promise<Server> {
    const server = http.createServer(options, listener);
    server.on('request', (_request, response: http.ServerResponse) => (response.sendDate = false));
    server.prependListener('request', (_request, response: http.ServerResponse) => (response.sendDate = false));
    return this.#listen(server, 'http', options);
  }

  async https(listener: http.RequestListener, options: https.ServerOptions & ServerOptions = {}): Promise<Server> {
    const server = https.createServer({ ...this.certificates.server, ...options }, listener);
    server.prependListener('request', (_request, response: http.ServerResponse) => (response.sendDate = false));
    return this.#listen(server, 'tls', options);
  }

  /** A server that sends what it likes, whether it is HTTP or not. */
  async raw(onConnection: (socket: net.Socket, index: number) => void, options: ServerOptions & net.ServerOpts = {}) {
    let index = 0;
    const server = net.createServer(options, (socket) => onConnection(socket, index++));
    return this.#listen(server, 'http', options);
  }

  /** Answers each request with the text that `reply` gives; nothing is sent for `undefined`. */
  async scripted(
    reply: (request: RawRequest, index: number, socket: net.Socket) => string | undefined,
    options: ServerOptions = {},
  ): Promise<Server> {
    return this.raw((socket) => {
      onRequests(socket, (request, index) => {
        const text = reply(request, index, socket);
        if (text !== undefined) socket.write(text, 'latin1');
      });
    }, options);
  }

  async tcp(onConnection: (socket: net.Socket) => void, options: ServerOptions & net.ServerOpts = {}): Promise<Server> {
    return this.#listen(net.createServer(options, onConnection), 'tcp', options);
  }

  async tls(
    onConnection: (socket: tls.TLSSocket) => void,
    options: tls.TlsOptions & ServerOptions = {},
  ): Promise<Server> {
    return this.#listen(tls.createServer({ ...this.certificates.server, ...options }, onConnection), 'tls', options);
  }

  async http2(
    onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
    options: http2.ServerOptions & ServerOptions = {},
  ): Promise<Server & { readonly server: http2.Http2Server }> {
    const server = http2.createServer(options).on('stream', onStream);
    return (await this.#listen(server, 'http', options)) as never;
  }

  async http2Secure(
    onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
    options: http2.SecureServerOptions & ServerOptions = {},
  ): Promise<Server> {
    const server = http2.createSecureServer({ ...this.certificates.server, ...options }).on('stream', onStream);
    return this.#listen(server, 'tls', options);
  }

  /** A port that is admitted and where nobody listens. */
  closedPort(carried: Carried): number {
    return this.#port(carried);
  }

  /** A place for a unix socket that is admitted. */
  socketPath(name: string): string {
    const path = join(this.#equipment.folder, `${name}-${process.pid}.sock`);
    this.mask(path, '<socket path>');
    return path;
  }

  /** An agent that is destroyed when the behaviour is over. */
  agent<T extends { destroy(): unknown }>(agent: T): T {
    this.#putAway.push(() => agent.destroy());
    return agent;
  }

  /** What else to put away. */
  later(putAway: () => unknown): void {
    this.#putAway.push(putAway);
  }

  /** A request that is watched from its first moment, and its sockets and response with it. */
  request(options: http.RequestOptions | string | URL, onResponse?: (response: http.IncomingMessage) => void) {
    return this.trace.watch('request', http.request(options as http.RequestOptions, onResponse));
  }

  secureRequest(options: https.RequestOptions, onResponse?: (response: http.IncomingMessage) => void) {
    const ca = this.certificates.authority;
    return this.trace.watch('request', https.request({ ca, ...options }, onResponse));
  }

  /** Sends, reads all, and waits until the request is closed. Errors are recorded, not thrown. */
  async exchange(request: http.ClientRequest, body?: string): Promise<string> {
    let text = '';
    request.on('response', (response) => {
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', () => undefined);
    });
    request.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => request.on('close', resolve));
    if (!request.writableEnded) request.end(body);
    await closed;
    return text;
  }

  /** Every name is at these addresses; each question is recorded. */
  lookup(...addresses: string[]): LookupFunction {
    const list = addresses.length > 0 ? addresses : ['127.0.0.1'];
    return (host, options, callback) => {
      this.trace.note('lookup', host, options);
      process.nextTick(() => {
        const entries = list.map((address) => ({ address, family: net.isIP(address) }));
        if (options.all) callback(null, entries);
        else callback(null, entries[0]?.address ?? '', entries[0]?.family ?? 4);
      });
    };
  }

  /** Resolves when the emitter closes, whatever else happens to it. */
  closed(...emitters: readonly unknown[]): Promise<unknown> {
    return Promise.all(
      emitters.map((emitter) => new Promise((resolve) => (emitter as EventEmitter).once('close', resolve))),
    );
  }

  /** Time for what is under way to arrive. */
  calm(milliseconds = 15): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  /** Looks again and again until it holds. */
  async until(holds: () => boolean): Promise<void> {
    for (let turn = 0; turn < 10_000 && !holds(); turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** What `call` throws at once, or what it gives. */
  thrown(call: () => unknown): unknown {
    try {
      const value = call();
      if (value instanceof EventEmitter) {
        value.on('error', () => undefined);
        (value as EventEmitter & { destroy?: () => void }).destroy?.();
      }
      return { returned: reduce(value, this.trace, 2) };
    } catch (error) {
      return reduce(error, this.trace, 2);
    }
  }

  /** A text that differs from run to run. */
  mask(text: string | number, name: string): void {
    this.#masks.push([String(text), name]);
  }

  async putAway(): Promise<void> {
    for (const one of this.#putAway.splice(0).reverse()) await one();
    http.globalAgent.destroy();
    https.globalAgent.destroy();
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  /** All that can be compared, line by line. */
  record(result: unknown): Record {
    const heard = this.#servers.flatMap((server, number) =>
      // A pool may open one more connection than it comes to use.
      server.heard
        .filter(({ bytes }) => bytes !== '')
        .flatMap(({ bytes }, index) =>
          summary(bytes)
            .split('\r\n')
            .map((line) => `server ${number + 1}, connection ${index + 1}: ${line}`),
        ),
    );
    const given = result === undefined ? [] : JSON.stringify(reduce(result, this.trace, 8), undefined, 1).split('\n');
    return [...this.trace.lines, ...heard, ...given.map((line) => `= ${line.replace(/,$/, '')}`)].map((line) =>
      this.#masked(line),
    );
  }

  #masked(line: string): string {
    // OpenSSL's errors begin with the thread.
    let text = line
      .replace(/[0-9A-F]{8,16}:error:/g, '<thread>:error:')
      .replace(/(sec-websocket-key: ).+/i, '$1<key>')
      .replace(/\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT/g, '<date>');
    for (const [from, to] of this.#masks)
      text = /^\d+$/.test(from)
        ? text.replace(new RegExp(`(?<!\\d)${from}(?!\\d)`, 'g'), to)
        : text.replaceAll(from, to);
    return text;
  }

  #port(carried: Carried): number {
    const ports = this.#equipment.ports[carried];
    const port = ports[used[carried]++ % ports.length] ?? 0;
    this.mask(port, `<port ${this.#masks.length + 1}>`);
    return port;
  }

  async #listen(server: Parameters<typeof listen>[0], carried: Carried, options: ServerOptions): Promise<Server> {
    for (let attempt = 1; ; attempt++) {
      const where = options.path ?? this.#port(options.carried ?? carried);
      try {
        const listening = await listen(server, where, options.host ?? '127.0.0.1');
        this.#servers.push(listening);
        return listening;
      } catch (error) {
        // Someone else on this machine has it.
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt === 10) throw error;
        this.#masks.pop();
      }
    }
  }
}
