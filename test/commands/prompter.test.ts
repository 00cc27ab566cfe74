import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { createPrompter } from '../../src/commands/prompter.ts';

function prompterWith(input: string) {
  const stderr = new PassThrough({ encoding: 'utf8' });
  const prompter = createPrompter({ input: PassThrough.from([input]), stderr });
  // One chunk after the other, because since Node 26 a read returns only one.
  const said = (): string => {
    const chunks: string[] = [];
    const read = (): string | null => stderr.read() as string | null;
    for (let chunk = read(); chunk !== null; chunk = read()) chunks.push(chunk);
    return chunks.join('');
  };
  return { prompter, said };
}

describe('a prompt', () => {
  it('shows what was given as its default, and takes it for an empty answer', async () => {
    const { prompter, said } = prompterWith('\n');
    const question = { option: 'name', prompt: 'Name:', given: 'here' };
    assert.equal(await prompter.ask(question), 'here');
    assert.equal(said(), 'Name:\n[here]: ');
  });

  it('does not show a token that was given', async () => {
    const { prompter, said } = prompterWith('\n');
    const question = {
      option: 'token',
      prompt: 'Token:',
      given: 'GR1348941secret',
      isSecret: true,
    };
    assert.equal(await prompter.ask(question), 'GR1348941secret');
    assert.equal(said(), 'Token:\n[as given]: ');
  });

  it('asks again after an empty answer where one is needed', async () => {
    const { prompter, said } = prompterWith('\nanswer\n');
    assert.equal(await prompter.ask({ option: 'url', prompt: 'URL:', given: '' }), 'answer');
    assert.equal(said(), 'URL:\nURL:\n');
  });
});
