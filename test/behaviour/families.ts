import type { Family } from './behaviour.ts';
import { keepAlive } from './families/http-keep-alive.ts';

export const FAMILIES: readonly Family[] = [keepAlive];
