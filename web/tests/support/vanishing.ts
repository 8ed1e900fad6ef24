/** An FTP upload whose camera loses power: its control connection goes first, then its data, and nobody waits for `226`. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const SILENCE_MS = 10_000;

export async function vanishingUpload(
  host: string,
  port: number,
  password: string,
  bytes: Uint8Array,
  path: string,
): Promise<void> {
  const control = connect({ host, port });
  control.setTimeout(SILENCE_MS, () => control.destroy(new Error('the server says nothing')));
  const replies = createInterface({ input: control })[Symbol.asyncIterator]();
  const reply = async (): Promise<string> => {
    for (;;) {
      const line = await replies.next();
      if (line.done === true) throw new Error('the server hung up');
      if (/^\d{3} /.test(line.value)) return line.value;
    }
  };
  const say = async (command: string, expected: string): Promise<string> => {
    control.write(`${command}\r\n`);
    const answer = await reply();
    if (!answer.startsWith(expected)) throw new Error(`${command}: ${answer}`);
    return answer;
  };

  await reply();
  await say('USER camera', '331');
  await say(`PASS ${password}`, '230');
  await say('TYPE I', '200');
  const data = await passive(host, await say('PASV', '227'));
  await say(`STOR /${path}`, '150');
  await new Promise<void>((done, failed) => {
    data.once('error', failed);
    data.write(bytes, () => done());
  });
  const gone = once(control, 'close');
  control.destroy();
  await gone;
  data.end();
  await once(data, 'close');
}

async function passive(host: string, answer: string): Promise<Socket> {
  const numbers = /\((?:\d+,){4}(\d+),(\d+)\)/.exec(answer);
  if (!numbers) throw new Error(`no port: ${answer}`);
  const data = connect({ host, port: Number(numbers[1]) * 256 + Number(numbers[2]) });
  // Without a reader a socket of Node's never closes.
  data.resume();
  await once(data, 'connect');
  return data;
}
