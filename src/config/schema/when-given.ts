import { $constructor, $ZodType } from 'zod/v4/core';
import type * as z from 'zod/mini';
import { lazily } from './lazily.ts';

interface Definition {
  readonly type: 'optional';
  readonly innerType: z.ZodMiniType;
}

/** What `z.optional` makes asks for the schema inside of it even of a field that is not there. This one does not. */
const WhenGiven = $constructor<$ZodType & { _zod: { def: Definition } }, Definition>('WhenGiven', (inst, def) => {
  $ZodType.init(inst, def);
  inst._zod.optin = 'optional';
  inst._zod.optout = 'optional';
  inst._zod.parse = (payload, context) =>
    payload.value === undefined ? payload : def.innerType._zod.run(payload, context);
});

/**
 * A field that may be left out, as with `z.optional`, and whose schema is made when a value is there. Most messages of
 * Istio's are left out of most resources, and making their schemas is the larger part of what checking costs at a start.
 */
export function whenGiven<Schema extends z.ZodMiniType>(make: () => Schema): z.ZodMiniOptional<Schema> {
  const made = lazily(make);
  const def: Definition = {
    type: 'optional',
    get innerType() {
      return made();
    },
  };
  return new WhenGiven(def) as unknown as z.ZodMiniOptional<Schema>;
}
