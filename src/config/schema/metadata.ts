/** Kubernetes' ObjectMeta. Only names, labels and annotations are looked at; the rest is what a server writes into it. */
import * as form from './form.ts';
import { anyMap } from './any-map.ts';
import { text, textMap, texts } from './fields.ts';

export const metadata = form.strictObject({
  name: text.min(1),
  generateName: text.optional(),
  namespace: text.optional(),
  labels: textMap.optional(),
  annotations: textMap.optional(),
  creationTimestamp: text.optional(),
  uid: text.optional(),
  resourceVersion: form.either(text, form.int()).optional(),
  generation: form.int().optional(),
  selfLink: text.optional(),
  deletionTimestamp: text.optional(),
  deletionGracePeriodSeconds: form.int().optional(),
  ownerReferences: form.array(anyMap).optional(),
  finalizers: texts.optional(),
  managedFields: form.array(anyMap).optional(),
});
