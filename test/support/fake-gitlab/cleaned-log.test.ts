import assert from 'node:assert/strict';
import { it } from 'node:test';
import { cleanLog, sectionSeconds } from './cleaned-log.ts';

const AT = '2026-11-24T10:00:00.000000Z';

const cases: readonly (readonly [trace: string, expected: string, why: string])[] = [
  ['', '', 'nothing has come yet'],
  ['one\ntwo\n', 'one\ntwo', 'a log without timestamps is taken as it is'],
  [`${AT} 01O one\n${AT} 01E two\n`, 'one\ntwo', 'streams are not told apart'],
  [`${AT} 01O on\n${AT} 01O+e\n`, 'one', 'a + line goes on where the last one stopped'],
  [`${AT} 01O on\n${AT} 01O+\n${AT} 01O+e\n`, 'one', 'an empty continuation adds nothing'],
  [`one\n${AT} 01O two\n`, `one\n${AT} 01O two`, 'the first line decides for the whole log'],
  [`${AT} 01O one\nbare\n`, 'one\nbare', 'a line without a timestamp is still shown'],
  ['\x1b[0;m\x1b[32;1mgreen\x1b[0;m\n', 'green', 'colours'],
  ['\x1b[0K\x1b[36;1mTitle\x1b[0;m\n', 'Title', 'the erasing of a line'],
  ['10%\r50%\r100%\n', '100%', 'a carriage return overwrites'],
  ['windows\r\n', 'windows', 'CRLF is a line end'],
  ['one\n\n  \ntwo\n', 'one\ntwo', 'the viewer shows no empty lines'],
  ['  indented \n', '  indented', 'leading blanks count, trailing ones do not'],
  ['section_start:1:a\r\x1b[0KTitle\n', 'Title', 'a mark before a title'],
  ['tail section_end:2:a\r\x1b[0Khead\n', 'tail\nhead', 'a mark in mid-line breaks the line'],
  ['section_start:1:a[collapsed=true]\r\x1b[0KTitle\n', 'Title', 'options of a section'],
  [
    `${AT} 00O section_start:1:a\r\x1b[0K\n${AT} 00O+Title\n`,
    'Title',
    'with timestamps the mark has a line of its own, continued by the title',
  ],
  ['say section_start:1:a\n', 'say section_start:1:a', 'without its end it is no mark'],
];
for (const [trace, expected, why] of cases) {
  it(`cleans ${JSON.stringify(trace)}: ${why}`, () => {
    assert.equal(cleanLog(trace), expected);
  });
}

it('returns the seconds of ended sections', () => {
  const mark = (edge: string, seconds: number, name: string) =>
    `section_${edge}:${seconds}:${name}\r\x1b[0K`;
  const trace = [
    `${mark('start', 100, 'get_sources')}Getting source\n`,
    `${mark('end', 103, 'get_sources')}${mark('start', 103, 'step_script')}Executing\n`,
    mark('end', 9, 'never_begun'),
  ].join('');
  assert.deepEqual(sectionSeconds(trace), { get_sources: 3 });
});
