import { channel } from 'node:diagnostics_channel';
import type { Exchange, ExchangeObserver } from './exchange.ts';

/**
 * What `node:diagnostics_channel` subscribers get. Messages are the exchange itself: read it, do not keep or change it.
 *
 * - `sidecarless:decision`: before anything is sent
 * - `sidecarless:denied`: the same moment, for what is refused, or would be in report mode
 * - `sidecarless:end`: once, when the request or connection is over
 */
export const CHANNELS = {
  decision: 'sidecarless:decision',
  denied: 'sidecarless:denied',
  end: 'sidecarless:end',
} as const;

const decision = channel(CHANNELS.decision);
const denied = channel(CHANNELS.denied);
const end = channel(CHANNELS.end);

/** Costs one property read per message that nobody subscribed to. */
export const channelObserver: ExchangeObserver = {
  onDecision(exchange: Exchange): void {
    if (decision.hasSubscribers) decision.publish(exchange);
    if (denied.hasSubscribers && (exchange.decision.action === 'deny' || exchange.wouldDeny === true))
      denied.publish(exchange);
  },
  onEnd(exchange: Exchange): void {
    if (end.hasSubscribers) end.publish(exchange);
  },
};

/** Whether anybody would get a message. */
export function channelsObserved(): boolean {
  return decision.hasSubscribers || denied.hasSubscribers || end.hasSubscribers;
}
