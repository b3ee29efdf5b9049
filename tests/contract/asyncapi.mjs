// Reads the description of channels and events as AsyncAPI's own parser does; whatever it has to say is a fault.

import { readFile } from 'node:fs/promises';

import { Parser } from '@asyncapi/parser';

const text = await readFile(process.argv[2], 'utf8');
const { document, diagnostics } = await new Parser().parse(text);
for (const { severity, path, message } of diagnostics) console.error(severity, path.join('.'), message);
if (!document || diagnostics.length > 0) process.exit(1);
console.log(`${document.allChannels().length} channels, ${document.allMessages().length} messages`);
