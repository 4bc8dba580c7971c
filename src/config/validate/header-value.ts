/** What may come next while Envoy's format of a header value is read. */
type State = 'text' | 'name' | 'arguments' | 'element' | 'string' | 'afterElement' | 'afterArguments' | 'end';

/** A step: the next state, an error's reason, or `skip`: the next character is taken as it is. */
type Step = { readonly state: State; readonly skip?: true } | { readonly reason: string };

// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/**
 * A value to set: no control characters, and each `%` begins a closed `%VARIABLE%` or `%VARIABLE(argument)%`, or is
 * doubled. Whether the variable exists is not asked.
 */
export function headerValueProblem(value: string): string | undefined {
  if (CONTROL.test(value)) return 'a header value must not contain control characters';
  const format = headerFormatProblem(value);
  return format === undefined ? undefined : `${JSON.stringify(value)} ${format}`;
}

/** The format alone, as Envoy's header parser reads it. */
export function headerFormatProblem(value: string): string | undefined {
  let state: State = 'text';
  for (let at = 0; at < value.length; at += 1) {
    const step = advance(state, value.charAt(at), value.charAt(at + 1));
    if ('reason' in step) return step.reason;
    state = step.state;
    if (step.skip === true) at += 1;
  }
  return state === 'text' ? undefined : 'does not close its %variable%';
}

function advance(state: State, char: string, next: string): Step {
  switch (state) {
    case 'text':
      if (char !== '%') return { state };
      if (next === '') return { reason: 'ends with a single %' };
      return next === '%' ? { state, skip: true } : { state: 'name' };
    case 'name':
      if (char === '%') return { state: 'text' };
      return { state: char === '(' ? 'arguments' : state };
    case 'arguments':
      if (char === '[') return { state: 'element' };
      return { state: char === ' ' ? state : 'string' };
    case 'element':
      return expectOrSpace(state, char, { '"': 'string' }, 'expects a quoted string in its argument list');
    case 'string':
      if (char === '\\') return next === '' ? { reason: 'ends with a backslash' } : { state, skip: true };
      if (char === ')') return { state: 'end' };
      return { state: char === '"' ? 'afterElement' : state };
    case 'afterElement':
      return expectOrSpace(
        state,
        char,
        { ',': 'element', ']': 'afterArguments' },
        'expects a comma or ] in its argument list',
      );
    case 'afterArguments':
      return expectOrSpace(state, char, { ')': 'end' }, 'expects ) after its argument list');
    case 'end':
      return expectOrSpace(state, char, { '%': 'text' }, 'expects % after )');
  }
}

function expectOrSpace(state: State, char: string, transitions: Readonly<Record<string, State>>, reason: string): Step {
  const next = transitions[char];
  if (next !== undefined) return { state: next };
  return char === ' ' ? { state } : { reason };
}
