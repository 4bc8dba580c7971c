/**
 * Plain scalars that Kubernetes' YAML reader takes for something other than the text they look like. They are resolved the
 * same way here, so that a file which `kubectl apply` would refuse is refused with the same reason.
 */
import type { ScalarTag, Tags } from 'yaml';

const TRUE = /^(?:[Yy]|[Yy]es|YES|[Oo]n|ON|[Tt]rue|TRUE)$/;
const BOOLEAN = /^(?:[YyNn]|[Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF|[Tt]rue|TRUE|[Ff]alse|FALSE)$/;

const booleanTag: ScalarTag = {
  identify: (value) => typeof value === 'boolean',
  default: true,
  tag: 'tag:yaml.org,2002:bool',
  test: BOOLEAN,
  resolve: (text) => TRUE.test(text),
};

/** A leading zero means octal: `0100` is 64. */
const octalTag: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:int',
  format: 'OCT',
  test: /^[-+]?0[0-7_]+$/,
  resolve: (text) => {
    const digits = text.replaceAll('_', '').replace(/^[-+]/, '');
    return (text.startsWith('-') ? -1 : 1) * Number.parseInt(digits, 8);
  },
};

/** `1_000` is a number, underscores dropped. */
const underscoreTag: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:int',
  test: /^[-+]?[1-9][0-9]*(?:_[0-9]+)+$/,
  resolve: (text) => Number(text.replaceAll('_', '')),
};

/** `!!binary`: the text that the base64 stands for, line breaks left out. */
const binaryTag: ScalarTag = {
  identify: () => false,
  default: false,
  tag: 'tag:yaml.org,2002:binary',
  resolve: (text, onError) => {
    const base64 = text.replace(/[\r\n]/g, '');
    if (base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64))
      return Buffer.from(base64, 'base64').toString('utf8');
    onError('!!binary needs base64');
    return text;
  },
};

/**
 * Most scalars of a policy are words and ports. Tags ask a dozen regular expressions of each, and all of them are compiled
 * at a start. These two come first, and say the same of what is sure without a regular expression.
 */
const wordTag: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:str',
  test: { test: isPlainWord } as RegExp,
  resolve: (text) => text,
};

const decimalTag: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:int',
  test: { test: isSmallDecimal } as RegExp,
  resolve: Number,
};

/** Longer than `false`, and with a letter first: neither a number, nor a boolean, nor null, in any of their spellings. */
function isPlainWord(text: string): boolean {
  const first = text.charCodeAt(0) | 0x20;
  return text.length > 5 && first >= 0x61 && first <= 0x7a;
}

/** Up to nine digits, of which the first is not zero. */
function isSmallDecimal(text: string): boolean {
  if (text.length === 0 || text.length > 9 || text.startsWith('0')) return false;
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at);
    if (digit < 0x30 || digit > 0x39) return false;
  }
  return true;
}

/** The core schema's tags after ours: the first that matches a plain scalar resolves it. */
export const kubernetesScalarTags = (tags: Tags): Tags => [
  wordTag,
  decimalTag,
  booleanTag,
  octalTag,
  underscoreTag,
  binaryTag,
  ...tags,
];
