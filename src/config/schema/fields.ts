/**
 * The field types of Istio's CRDs. Messages are closed: a field that Istio does not know is refused, as `kubectl apply`
 * has the API server refuse it, because a misspelt `exportTo` would otherwise silently widen a policy.
 */
import { z } from 'zod';
import { MILLISECOND, parseDurationNanoseconds } from './duration.ts';

export const text = z.string();
export const texts = z.array(z.string());
export const flag = z.boolean();
export const int32 = z.int32();
export const uint32 = z.uint32();
export const double = z.number();
/** google.protobuf wrappers may be null, which is the same as absent. */
export const flagValue = z.boolean().nullable();
export const uint32Value = z.uint32().nullable();
export const uint64 = z.int().nonnegative();
export const textMap = z.record(z.string(), z.string());

/** A CEL rule of the CRD. `rule` becomes the problem's code. */
export function celRule(rule: string, message: string): { error: string; params: { rule: string } } {
  return { error: message, params: { rule } };
}

export const durationText = z
  .string()
  .refine(
    (value) => parseDurationNanoseconds(value) !== undefined,
    celRule('wrongForm', 'is not a duration; write a number and a unit, such as 1.5s'),
  );

/** The CRD's rule for most durations. */
export const duration = durationText.refine(
  (value) => {
    const nanoseconds = parseDurationNanoseconds(value);
    return nanoseconds === undefined || nanoseconds >= MILLISECOND;
  },
  celRule('duration', 'must last at least 1ms'),
);

export const port = uint32.refine(
  (value) => value >= 1 && value <= 65535,
  celRule('port', 'must be a port between 1 and 65535'),
);

type Fields = z.core.$ZodLooseShape;

/** A message of which at most one of the fields of each group may be set: protobuf's `oneof`. */
export function oneOf<Shape extends Fields>(
  schema: z.ZodObject<Shape, z.core.$strict>,
  ...groups: readonly (readonly string[])[]
) {
  return schema.superRefine((value, context) => {
    const fields = value as Readonly<Record<string, unknown>>;
    for (const group of groups) {
      const set = group.filter((name) => fields[name] !== undefined);
      if (set.length < 2) continue;
      context.addIssue({
        code: 'custom',
        message: `sets ${set.join(' and ')}; only one of ${group.join(', ')} may be set`,
        params: { rule: 'oneOf' },
      });
    }
  });
}

export const portSelector = z.strictObject({ number: uint32.optional() });

export const stringMatch = oneOf(
  z.strictObject({ exact: text.optional(), prefix: text.optional(), regex: text.optional() }),
  ['exact', 'prefix', 'regex'],
);
export const stringMatchMap = z.record(z.string(), stringMatch);

/** networking.istio.io WorkloadSelector: of ServiceEntry and Sidecar. */
export const workloadSelector = z.strictObject({
  labels: z
    .record(
      z.string(),
      z
        .string()
        .max(63)
        .refine(
          (value) => !value.includes('*'),
          celRule('selectorLabels', 'a selector compares labels exactly; * is not allowed'),
        ),
    )
    .refine((labels) => Object.keys(labels).length <= 256, celRule('outOfRange', 'has more than 256 labels'))
    .optional(),
});

/** type.istio.io WorkloadSelector: of DestinationRule and ProxyConfig. */
export const matchLabelsSelector = z.strictObject({
  matchLabels: z
    .record(
      z.string(),
      z
        .string()
        .max(63)
        .refine(
          (value) => !value.includes('*'),
          celRule('selectorLabels', 'a selector compares labels exactly; * is not allowed'),
        ),
    )
    .refine((labels) => Object.keys(labels).length <= 4096, celRule('outOfRange', 'has more than 4096 labels'))
    .refine((labels) => !Object.hasOwn(labels, ''), celRule('selectorLabels', 'has a label without a name'))
    .refine(
      (labels) => !Object.keys(labels).some((key) => key.includes('*')),
      celRule('selectorLabels', 'a selector compares labels exactly; * is not allowed'),
    )
    .optional(),
});

export const destination = z.strictObject({
  host: text,
  subset: text.optional(),
  port: portSelector.optional(),
});
