import { describe, expect, it } from 'vitest';
import { applyChanges } from '../../src/image/changes.ts';

describe('the instructions of --change', () => {
  it('sets commands as a list, or for a shell', () => {
    expect(applyChanges(['CMD ["a", "b c"]', 'ENTRYPOINT exec "$0"'])).toEqual({
      Cmd: ['a', 'b c'],
      Entrypoint: ['/bin/sh', '-c', 'exec "$0"'],
    });
    expect(applyChanges(['CMD [not json]'])).toEqual({ Cmd: ['/bin/sh', '-c', '[not json]'] });
    expect(applyChanges(['ENTRYPOINT []'])).toEqual({ Entrypoint: [] });
  });

  it('sets variables, the last value of a name in the place of the first', () => {
    expect(applyChanges(['ENV A=1 B="two words" C=x\\ y', "env D='$A'", 'ENV A=2'])).toEqual({
      Env: ['A=2', 'B=two words', 'C=x y', 'D=$A'],
    });
    expect(applyChanges(['ENV PATH /usr/bin and more'])).toEqual({ Env: ['PATH=/usr/bin and more'] });
    expect(applyChanges(['ENV A='])).toEqual({ Env: ['A='] });
  });

  it('adds to what is there', () => {
    const config = { Env: ['A=1'], Labels: { a: 'b' }, User: 'root' };
    expect(applyChanges(['LABEL "c d"="e f" g=h', 'ENV B=2', 'USER app:app'], config)).toEqual({
      Env: ['A=1', 'B=2'],
      Labels: { a: 'b', 'c d': 'e f', g: 'h' },
      User: 'app:app',
    });
  });

  it('opens ports', () => {
    expect(applyChanges(['EXPOSE 80 53/UDP 8000-8002'])).toEqual({
      ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {}, '8002/tcp': {} },
    });
  });

  it('knows volumes in both forms', () => {
    expect(applyChanges(['VOLUME /data "/with space"', 'VOLUME ["/json"]'])).toEqual({
      Volumes: { '/data': {}, '/with space': {}, '/json': {} },
    });
  });

  it('puts a relative working directory below the one before', () => {
    expect(applyChanges(['WORKDIR /app/', 'WORKDIR ../srv/./x'])).toEqual({ WorkingDir: '/srv/x' });
  });

  it('knows the others', () => {
    expect(applyChanges(['STOPSIGNAL SIGQUIT', 'ONBUILD RUN make', 'ONBUILD COPY . .'])).toEqual({
      StopSignal: 'SIGQUIT',
      OnBuild: ['RUN make', 'COPY . .'],
    });
  });

  it.each([
    ['', 'it is empty'],
    ['RUN make', 'RUN is not an instruction that can be used here'],
    ['__proto__ x', '__proto__ is not an instruction that can be used here'],
    ['constructor x', 'constructor is not an instruction that can be used here'],
    ['CMD', 'it needs a value'],
    ['ENV A', '"A" has no value'],
    ['ENV A=1 B', '"B" is not of the form NAME=VALUE'],
    ['LABEL =x', '"=x" is not of the form NAME=VALUE'],
    ['ENV A="x', '" is not closed'],
    ['EXPOSE 0', '"0" is not a port'],
    ['EXPOSE 90-80', '"90-80" is not a port'],
    ['EXPOSE http', '"http" is not a port'],
    ['USER a b', 'it takes one value'],
    ['ONBUILD FROM x', 'ONBUILD cannot hold this instruction'],
  ])('refuses %j', (text, why) => {
    expect(() => applyChanges([text])).toThrow(`--change "${text}" is not understood: ${why}`);
  });

  it('reads long text in linear time', () => {
    const text = `ENV A="${'\\\\"'.repeat(20_000)}`;
    expect(() => applyChanges([text])).toThrow('is not closed');
  });
});
