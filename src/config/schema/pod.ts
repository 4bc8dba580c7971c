import * as form from './form.ts';
import { flag, text } from './fields.ts';

/** PodSpec is Kubernetes' own and large; only what says whether traffic is captured is looked at. */
export const podSpec = form.looseObject({
  hostNetwork: flag.optional(),
  serviceAccountName: text.optional(),
});

/** Written by Kubernetes: the pod's addresses. */
export const podStatus = form.looseObject({
  phase: text.optional(),
  podIP: text.optional(),
  podIPs: form.array(form.looseObject({ ip: text })).optional(),
});
