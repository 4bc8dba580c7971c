/** Kubernetes' ObjectMeta. Only names, labels and annotations are looked at; the rest is what a server writes into it. */
import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { anyMap } from './any-map.ts';
import { optional, text } from './fields.ts';
import { whenGiven } from './when-given.ts';

export const metadata = lazily(() =>
  z.strictObject({
    name: text.check(z.minLength(1)),
    generateName: optional.text,
    namespace: optional.text,
    labels: optional.textMap,
    annotations: optional.textMap,
    creationTimestamp: optional.text,
    uid: optional.text,
    resourceVersion: whenGiven(() => z.union([text, z.int()])),
    generation: whenGiven(() => z.int()),
    selfLink: optional.text,
    deletionTimestamp: optional.text,
    deletionGracePeriodSeconds: whenGiven(() => z.int()),
    ownerReferences: whenGiven(() => z.array(anyMap)),
    finalizers: optional.texts,
    managedFields: whenGiven(() => z.array(anyMap)),
  }),
);
