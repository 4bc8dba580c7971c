import { z } from 'zod';
import { flag, text } from './fields.ts';

/** PodSpec is Kubernetes' own and large; only what says whether traffic is captured is looked at. */
export const podSpec = z.looseObject({
  hostNetwork: flag.optional(),
  serviceAccountName: text.optional(),
});

/** Written by Kubernetes: the pod's addresses. */
export const podStatus = z.looseObject({
  phase: text.optional(),
  podIP: text.optional(),
  podIPs: z.array(z.looseObject({ ip: text })).optional(),
});
