import type { Family } from './behaviour.ts';
import { fetching } from './families/fetch.ts';
import { abort } from './families/http-abort.ts';
import { agentLimits } from './families/http-agent-limits.ts';
import { errors } from './families/http-errors.ts';
import { informational } from './families/http-informational.ts';
import { keepAlive } from './families/http-keep-alive.ts';
import { options } from './families/http-options.ts';
import { streaming } from './families/http-streaming.ts';
import { surface } from './families/http-surface.ts';
import { timeouts } from './families/http-timeouts.ts';
import { upgrade } from './families/http-upgrade.ts';
import { http2Client } from './families/http2-client.ts';
import { netSocket } from './families/net-socket.ts';
import { tlsClient } from './families/tls-client.ts';
import { webSocket } from './families/web-socket.ts';

export const FAMILIES: readonly Family[] = [
  keepAlive,
  informational,
  upgrade,
  abort,
  agentLimits,
  timeouts,
  errors,
  streaming,
  options,
  surface,
  netSocket,
  tlsClient,
  http2Client,
  fetching,
  webSocket,
];
