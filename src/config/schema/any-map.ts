import * as z from 'zod/mini';

/** A part of a resource that egress never looks at. */
export const anyMap = z.record(z.string(), z.unknown());
