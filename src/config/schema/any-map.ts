import * as form from './form.ts';

/** A part of a resource that egress never looks at. */
export const anyMap = form.record(form.unknown());
