/**
 * The field types of Istio's CRDs. Messages are closed: a field that Istio does not know is refused, as `kubectl apply`
 * has the API server refuse it, because a misspelt `exportTo` would otherwise silently widen a policy.
 */
import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { MILLISECOND, parseDurationNanoseconds } from './duration.ts';
import { whenGiven } from './when-given.ts';

export const text = z.string();
export const texts = z.array(text);
export const uint32 = z.uint32();
export const double = lazily(() => z.number());
export const textMap = lazily(() => z.record(text, text));

/** A CEL rule of the CRD. `rule` becomes the problem's code. */
export function celRule(rule: string, message: string): { error: string; params: { rule: string } } {
  return { error: message, params: { rule } };
}

const durationText = lazily(() =>
  text.check(
    z.refine(
      (value) => parseDurationNanoseconds(value) !== undefined,
      celRule('wrongForm', 'is not a duration; write a number and a unit, such as 1.5s'),
    ),
  ),
);

/** The CRD's rule for most durations. */
export const duration = lazily(() =>
  durationText().check(
    z.refine(
      (value) => {
        const nanoseconds = parseDurationNanoseconds(value);
        return nanoseconds === undefined || nanoseconds >= MILLISECOND;
      },
      celRule('duration', 'must last at least 1ms'),
    ),
  ),
);

export const port = lazily(() =>
  uint32.check(
    z.refine((value) => value >= 1 && value <= 65535, celRule('port', 'must be a port between 1 and 65535')),
  ),
);

/** The same, where a field may be left out: made once, because most fields may. */
export const optional = {
  text: whenGiven(() => text),
  texts: whenGiven(() => texts),
  flag: whenGiven(() => z.boolean()),
  /** google.protobuf wrappers may be null, which is the same as absent. */
  flagValue: whenGiven(() => z.nullable(z.boolean())),
  int32: whenGiven(() => z.int32()),
  uint32: whenGiven(() => uint32),
  uint32Value: whenGiven(() => z.nullable(uint32)),
  uint64: whenGiven(() => z.int().check(z.gte(0))),
  double: whenGiven(double),
  textMap: whenGiven(textMap),
  duration: whenGiven(duration),
  durationText: whenGiven(durationText),
};

/** A message of which at most one of the fields of each group may be set: protobuf's `oneof`. */
export function oneOf<Shape extends z.core.$ZodShape>(
  message: z.ZodMiniObject<Shape, z.core.$strict>,
  ...groups: readonly (readonly string[])[]
): z.ZodMiniObject<Shape, z.core.$strict> {
  return message.check(
    z.superRefine((value, context) => {
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
    }),
  );
}

export const portSelector = lazily(() => z.strictObject({ number: optional.uint32 }));

export const stringMatch = lazily(() =>
  oneOf(z.strictObject({ exact: optional.text, prefix: optional.text, regex: optional.text }), [
    'exact',
    'prefix',
    'regex',
  ]),
);
export const stringMatchMap = lazily(() => z.record(z.string(), stringMatch()));

const COMPARED_EXACTLY = celRule('selectorLabels', 'a selector compares labels exactly; * is not allowed');

const selectedLabels = lazily(() =>
  z.record(
    z.string(),
    z.string().check(
      z.maxLength(63),
      z.refine((value) => !value.includes('*'), COMPARED_EXACTLY),
    ),
  ),
);

/** networking.istio.io WorkloadSelector: of ServiceEntry and Sidecar. */
export const workloadSelector = lazily(() =>
  z.strictObject({
    labels: whenGiven(() =>
      selectedLabels().check(
        z.refine((labels) => Object.keys(labels).length <= 256, celRule('outOfRange', 'has more than 256 labels')),
      ),
    ),
  }),
);

/** type.istio.io WorkloadSelector: of DestinationRule and ProxyConfig. */
export const matchLabelsSelector = lazily(() =>
  z.strictObject({
    matchLabels: whenGiven(() =>
      selectedLabels().check(
        z.refine((labels) => Object.keys(labels).length <= 4096, celRule('outOfRange', 'has more than 4096 labels')),
        z.refine((labels) => !Object.hasOwn(labels, ''), celRule('selectorLabels', 'has a label without a name')),
        z.refine((labels) => !Object.keys(labels).some((key) => key.includes('*')), COMPARED_EXACTLY),
      ),
    ),
  }),
);

export const destination = lazily(() =>
  z.strictObject({
    host: text,
    subset: optional.text,
    port: whenGiven(portSelector),
  }),
);
