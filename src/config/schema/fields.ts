/**
 * The field types of Istio's CRDs. Messages are closed: a field that Istio does not know is refused, as `kubectl apply`
 * has the API server refuse it, because a misspelt `exportTo` would otherwise silently widen a policy.
 */
import * as form from './form.ts';
import { MILLISECOND, parseDurationNanoseconds } from './duration.ts';

export const text = form.string();
export const texts = form.array(form.string());
export const flag = form.boolean();
export const int32 = form.int32();
export const uint32 = form.uint32();
export const double = form.number();
/** google.protobuf wrappers may be null, which is the same as absent. */
export const flagValue = form.boolean().nullable();
export const uint32Value = form.uint32().nullable();
export const uint64 = form.int().min(0);
export const textMap = form.record(form.string());

/** A CEL rule of the CRD. `rule` becomes the problem's code. */
export function celRule(rule: string, message: string): form.Rule<unknown> {
  return { rule, message };
}

export const durationText = form
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

/** A message of which at most one of the fields of each group may be set: protobuf's `oneof`. */
export function oneOf<S extends form.Shape>(
  message: form.ObjectForm<S>,
  ...groups: readonly (readonly string[])[]
): form.ObjectForm<S> {
  return groups.reduce((limited, group) => {
    const set = (value: object): readonly string[] =>
      group.filter((name) => (value as Readonly<Record<string, unknown>>)[name] !== undefined);
    return limited.refine((value) => set(value).length < 2, {
      rule: 'oneOf',
      message: (value) => `sets ${set(value).join(' and ')}; only one of ${group.join(', ')} may be set`,
    });
  }, message);
}

export const portSelector = form.strictObject({ number: uint32.optional() });

export const stringMatch = oneOf(
  form.strictObject({ exact: text.optional(), prefix: text.optional(), regex: text.optional() }),
  ['exact', 'prefix', 'regex'],
);
export const stringMatchMap = form.record(stringMatch);

/** networking.istio.io WorkloadSelector: of ServiceEntry and Sidecar. */
export const workloadSelector = form.strictObject({
  labels: form
    .record(
      form
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
export const matchLabelsSelector = form.strictObject({
  matchLabels: form
    .record(
      form
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

export const destination = form.strictObject({
  host: text,
  subset: text.optional(),
  port: portSelector.optional(),
});
