import type { Exchange, ExchangeObserver, SeamName } from './adapters/seam.ts';
import { noteClientGone } from './adapters/upstream-failure.ts';
import type { Connection } from './core/model/connection.ts';
import type { Decision } from './core/model/decision.ts';
import { channelObserver, channelsObserved } from './telemetry/channels.ts';
import { callSilently, noteRejection } from './telemetry/foreign-call.ts';
import type { EgressMetrics } from './telemetry/metrics.ts';
import { newExchange } from './telemetry/new-exchange.ts';
import type { Warnings } from './telemetry/warnings.ts';

/** Journals with something in them: when the process ends, what is still under way is told of. */
const kept = new Set<EgressJournal>();

const endAll = (): void => {
  for (const journal of kept) journal.endOpen();
};

/** Who is told of what, and what is still under way. INVARIANT: whoever is told and breaks, breaks nothing here. */
export class EgressJournal {
  readonly #mode: 'enforce' | 'report';
  readonly #observers: readonly ExchangeObserver[];
  readonly #metrics: EgressMetrics | undefined;
  readonly #warnings: Warnings;
  /** Under way, and watched; each knows its place. A set would be made anew time and again as requests come and go. */
  readonly #open: Exchange[] = [];
  /** The words are made where nothing that they throw gets out. */
  readonly #observerFailed = (error: unknown): void =>
    this.warn('observer', () => `an observer failed: ${String(error)}`);
  #idle: (() => void) | undefined;
  #kept = false;

  constructor(
    mode: 'enforce' | 'report',
    observers: readonly ExchangeObserver[],
    metrics: EgressMetrics | undefined,
    warnings: Warnings,
  ) {
    this.#mode = mode;
    this.#observers = observers;
    this.#metrics = metrics;
    this.#warnings = warnings;
  }

  /** Whether anybody is told of what begins and ends. */
  get watched(): boolean {
    return this.#observers.length > 0 || channelsObserved();
  }

  /** The record of what was decided this moment; undefined where nobody watches. */
  begin(connection: Connection, decision: Decision, seam: SeamName, layer: Exchange['layer']): Exchange | undefined {
    if (!this.watched) return undefined;
    const exchange = newExchange(connection, decision, seam, layer);
    exchange.place = this.#open.push(exchange) - 1;
    if (!this.#kept) this.#keep();
    if (decision.action === 'deny' && this.#mode === 'report') exchange.wouldDeny = true;
    for (const observer of this.#observers) this.#tellDecision(observer, exchange);
    this.#tellDecision(channelObserver, exchange);
    return exchange;
  }

  /** A connection came about. */
  opened(exchange: Exchange): void {
    if (!this.#isOpen(exchange) || exchange.carriesRequests === true) return;
    for (const observer of this.#observers) if (observer.onOpen) this.tell(() => observer.onOpen?.(exchange));
    exchange.opened = true;
  }

  /** What was ended before, with the process or the egress, is not told of again. */
  end(exchange: Exchange): void {
    if (!this.#remove(exchange)) return;
    for (const observer of this.#observers) this.#tellEnd(observer, exchange);
    this.#tellEnd(channelObserver, exchange);
    if (this.#open.length === 0) this.#idle?.();
  }

  #isOpen(exchange: Exchange): boolean {
    return this.#open[exchange.place ?? -1] === exchange;
  }

  /** The last one takes its place. */
  #remove(exchange: Exchange): boolean {
    const { place = -1 } = exchange;
    if (this.#open[place] !== exchange) return false;
    const last = this.#open.pop();
    if (last !== undefined && last !== exchange) {
      this.#open[place] = last;
      last.place = place;
    }
    exchange.place = -1;
    return true;
  }

  /** Ends what is still under way, as if its client had gone (Envoy: DC). Its seam's own end comes too late. */
  endOpen(): void {
    for (const exchange of [...this.#open].sort((a, b) => a.start - b.start)) {
      exchange.endedAt ??= performance.now();
      if (exchange.layer === 'http' && exchange.responseCode === 0 && exchange.responseFlags === '')
        noteClientGone(exchange);
      this.end(exchange);
    }
  }

  /** Nothing more is going to be told. */
  close(): void {
    this.endOpen();
    kept.delete(this);
    if (kept.size === 0) process.off('exit', endAll);
  }

  /** First, so that sinks that are emptied at the exit have all of it. */
  #keep(): void {
    this.#kept = true;
    if (kept.size === 0) process.prependListener('exit', endAll);
    kept.add(this);
  }

  /** In report mode: what would have been denied. */
  reportDenial({ host, port }: Connection, exchange: Exchange | undefined, message: () => string): void {
    if (exchange) exchange.wouldDeny = true;
    this.warn(`deny ${host} ${port}`, () => `report mode: ${message()}`);
  }

  /** Calls back when the last request and connection under way has ended, or after a second. */
  whenIdle(callback: () => void): void {
    if (this.#open.length === 0) {
      callback();
      return;
    }
    let timer: NodeJS.Timeout | undefined = undefined;
    const done = (): void => {
      clearTimeout(timer);
      this.#idle = undefined;
      callback();
    };
    timer = setTimeout(done, 1000).unref();
    this.#idle = done;
  }

  seamFailed(seam: SeamName, error: unknown): void {
    this.count('seam_failures');
    this.warn(`seam ${seam}`, () => `the ${seam} seam failed: ${String((error as Error)?.stack ?? error)}`);
  }

  count(event: Parameters<EgressMetrics['event']>[0]): void {
    this.tell(() => this.#metrics?.event(event));
  }

  warn(kind: string, message: string | (() => string)): void {
    this.#warnings.warn(kind, message);
  }

  tell(action: () => unknown): void {
    callSilently(action, this.#observerFailed);
  }

  #tellDecision(observer: ExchangeObserver, exchange: Exchange): void {
    if (observer.onDecision === undefined) return;
    try {
      noteRejection(observer.onDecision(exchange), this.#observerFailed);
    } catch (error) {
      this.#observerFailed(error);
    }
  }

  #tellEnd(observer: ExchangeObserver, exchange: Exchange): void {
    try {
      noteRejection(observer.onEnd(exchange), this.#observerFailed);
    } catch (error) {
      this.#observerFailed(error);
    }
  }
}
