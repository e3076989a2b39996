import { expect, test } from 'vitest';
import { stack, type Layer } from '../../src/http/layer.ts';
import { answer } from '../helpers/web.ts';

test('the first layer sees a request first and its answer last', async () => {
  const order: string[] = [];
  const layer =
    (name: string): Layer =>
    (next) =>
    async (request) => {
      order.push(`${name} in`);
      const response = await next(request);
      order.push(`${name} out`);
      return response;
    };
  const send = stack(async ({ url }) => (order.push('sent'), answer(url)), [layer('a'), layer('b')]);
  await send({ method: 'GET', url: new URL('https://reg.example') });
  expect(order).toEqual(['a in', 'b in', 'sent', 'b out', 'a out']);
});
