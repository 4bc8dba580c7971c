import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { optional, text } from './fields.ts';
import { whenGiven } from './when-given.ts';

/** PodSpec is Kubernetes' own and large; only what says whether traffic is captured is looked at. */
export const podSpec = lazily(() =>
  z.looseObject({
    hostNetwork: optional.flag,
    serviceAccountName: optional.text,
  }),
);

/** Written by Kubernetes: the pod's addresses. */
export const podStatus = lazily(() =>
  z.looseObject({
    phase: optional.text,
    podIP: optional.text,
    podIPs: whenGiven(() => z.array(z.looseObject({ ip: text }))),
  }),
);
