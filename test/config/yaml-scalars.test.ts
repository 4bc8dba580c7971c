import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { kubernetesScalarTags } from '../../src/config/yaml-scalars.ts';

/** The tags that know words and small numbers without a regular expression come first. */
const SHORT_WAYS = 2;

const read = (text: string, skip: number): unknown => {
  try {
    return parse(text, {
      version: '1.2',
      schema: 'core',
      merge: true,
      customTags: (tags) => kubernetesScalarTags(tags).slice(skip),
      logLevel: 'silent',
    }) as unknown;
  } catch (error) {
    return String(error);
  }
};

const same = (text: string): void => {
  expect(read(text, 0), text).toEqual(read(text, SHORT_WAYS));
};

const WORDS = [
  'y',
  'Y',
  'no',
  'Yes',
  'ON',
  'off',
  'true',
  'False',
  'FALSE',
  'null',
  'Null',
  '~',
  '.inf',
  '-.INF',
  '.nan',
];
const NUMBERS = [
  '0',
  '00',
  '0100',
  '0o17',
  '0x1F',
  '8080',
  '+8080',
  '-1',
  '1_000',
  '1e3',
  '1.5',
  '.5',
  '5.',
  '1234567890',
];
const TEXTS = [
  'falsey',
  'nullable',
  'TRUETRUE',
  'trueish',
  'infinity',
  'e12345',
  'x1F',
  'a: b',
  '<<',
  '12a',
  '9007199254740993',
];

describe('scalars that are read the short way', () => {
  it.each([...WORDS, ...NUMBERS, ...TEXTS])('%s is what it is the long way', (text) => {
    same(text);
    same(`${text}: ${text}`);
    same(`[ ${text}, "${text}" ]`);
    for (const tag of ['str', 'int', 'float', 'bool', 'null']) same(`!!${tag} ${text}`);
  });

  it('are so for any text of such characters', () => {
    const text = fc.string({ unit: fc.constantFrom(...'0123456789abefnoxtrulsyNTFO._-+~<: '), maxLength: 12 });
    fc.assert(fc.property(text, same), { numRuns: 2_000 });
  });
});
