import { describe, expect, it } from 'vitest';
import { LearnedNames } from '../../src/adapters/learned-names.ts';

const MINUTE = 60_000;

describe('the names by which addresses were looked up', () => {
  it('are told, the latest first, four at most', () => {
    const names = new LearnedNames();
    for (const name of ['a', 'b', 'c', 'd', 'e', 'c']) names.learn(name, ['192.0.2.1'], 0);
    expect(names.namesOf('192.0.2.1', 1)).toEqual(['c', 'e', 'd', 'b']);
    expect(names.namesOf('192.0.2.2', 1)).toEqual([]);
  });

  it('are forgotten after ten minutes, unless they are looked up again', () => {
    const names = new LearnedNames();
    names.learn('a', ['192.0.2.1'], 0);
    names.learn('b', ['192.0.2.1'], 6 * MINUTE);
    expect(names.namesOf('192.0.2.1', 9 * MINUTE)).toEqual(['b', 'a']);
    expect(names.namesOf('192.0.2.1', 10 * MINUTE)).toEqual(['b']);
    names.learn('a', ['192.0.2.1'], 11 * MINUTE);
    expect(names.namesOf('192.0.2.1', 15 * MINUTE)).toEqual(['a', 'b']);
    expect(names.namesOf('192.0.2.1', 22 * MINUTE)).toEqual([]);
  });

  it('take bounded room, whoever answers', () => {
    const names = new LearnedNames();
    for (let i = 0; i < 25_000; i += 1) names.learn(`n${i}`, [`2001:db8::${i.toString(16)}`], 0);
    expect(names.size).toBe(10_000);
    expect(names.namesOf('2001:db8::0', 1)).toEqual([]);
    expect(names.namesOf(`2001:db8::${(24_999).toString(16)}`, 1)).toEqual(['n24999']);
  });
});
