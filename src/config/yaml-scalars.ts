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

/** The core schema's tags after ours: the first that matches a plain scalar resolves it. */
export const kubernetesScalarTags = (tags: Tags): Tags => [booleanTag, octalTag, underscoreTag, binaryTag, ...tags];
