/** Kubernetes' ObjectMeta. Only names, labels and annotations are looked at; the rest is what a server writes into it. */
import { z } from 'zod';
import { anyMap } from './any-map.ts';
import { celRule, text, textMap, texts } from './fields.ts';

const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

export const metadata = z.strictObject({
  name: text.refine(
    (name) => name.length <= 253 && SUBDOMAIN.test(name),
    celRule('SCL0307', 'a name is a DNS name in lower case'),
  ),
  generateName: text.optional(),
  namespace: text
    .refine(
      (name) => name === '' || (name.length <= 63 && LABEL.test(name)),
      celRule('SCL0307', 'a namespace is a DNS label in lower case'),
    )
    .optional(),
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
