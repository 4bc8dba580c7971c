/** Kubernetes' ObjectMeta. Only names, labels and annotations are looked at; the rest is what a server writes into it. */
import { z } from 'zod';
import { anyMap } from './any-map.ts';
import { text, textMap, texts } from './fields.ts';

export const metadata = z.strictObject({
  name: text.min(1),
  generateName: text.optional(),
  namespace: text.optional(),
  labels: textMap.optional(),
  annotations: textMap.optional(),
  creationTimestamp: text.optional(),
  uid: text.optional(),
  resourceVersion: z.union([text, z.int()]).optional(),
  generation: z.int().optional(),
  selfLink: text.optional(),
  deletionTimestamp: text.optional(),
  deletionGracePeriodSeconds: z.int().optional(),
  ownerReferences: z.array(anyMap).optional(),
  finalizers: texts.optional(),
  managedFields: z.array(anyMap).optional(),
});
