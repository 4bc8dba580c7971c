/** Kubernetes' ObjectMeta. Only names, labels and annotations are looked at; the rest is what a server writes into it. */
import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { anyMap } from './any-map.ts';
import { optional, text } from './fields.ts';

export const metadata = lazily(() =>
  z.strictObject({
    name: text.check(z.minLength(1)),
    generateName: optional.text,
    namespace: optional.text,
    labels: optional.textMap,
    annotations: optional.textMap,
    creationTimestamp: optional.text,
    uid: optional.text,
    resourceVersion: z.optional(z.union([text, z.int()])),
    generation: z.optional(z.int()),
    selfLink: optional.text,
    deletionTimestamp: optional.text,
    deletionGracePeriodSeconds: z.optional(z.int()),
    ownerReferences: z.optional(z.array(anyMap)),
    finalizers: optional.texts,
    managedFields: z.optional(z.array(anyMap)),
  }),
);
