import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { createPrompter } from '../../src/commands/prompter.ts';
import { readAll } from '../support/read-all.ts';

function prompterWith(input: string) {
  const stderr = new PassThrough();
  const prompter = createPrompter({ input: PassThrough.from([input]), stderr });
  return { prompter, said: () => readAll(stderr) };
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
