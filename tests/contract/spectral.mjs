// Rules for openapi/campanile.json: those of OpenAPI, and OWASP's for the security of APIs. Where one does not fit, it is said
// here for which places, and why; everywhere else it holds.

import owasp from '@stoplight/spectral-owasp-ruleset';
import { oas } from '@stoplight/spectral-rulesets';

const { rules } = owasp.default ?? owasp;

/** A rule for these places only. */
const only = (name, given) => ({ [name]: { ...rules[name], given } });

// Server SDKs call the routes below /apps with a signature. No page may read the answers, so there are no CORS headers.
const REST = '$.paths[?(!@property.match(/^.(apps|up)/))]';

export default {
  extends: [
    [oas, 'recommended'],
    [owasp, 'recommended'],
  ],
  rules: {
    ...only('owasp:api8:2023-define-cors-origin', `${REST}..headers`),
    // It wants one form of these headers and takes two for a fault. tests/it/openapi.rs asks for both in every answer of REST.
    'owasp:api4:2023-rate-limit': 'off',
    // Maps by the name of a channel are typed, and another rule bounds them: only what may hold anything at all is a fault.
    ...only('owasp:api3:2023-no-additionalProperties', '$..[?(@ && @.type=="object" && @.additionalProperties === true)]'),
  },
  overrides: [
    {
      // Asked by load balancers: needs no proof, is not limited, reads no parameters and touches nothing that could fail.
      files: ['**#/paths/~1up'],
      rules: {
        'owasp:api2:2023-read-restricted': 'off',
        'owasp:api4:2023-rate-limit-responses-429': 'off',
        'owasp:api8:2023-define-error-validation': 'off',
        'owasp:api8:2023-define-error-responses-401': 'off',
        'owasp:api8:2023-define-error-responses-500': 'off',
      },
    },
    {
      // The protocol of Pusher: a signature of this one request, worth nothing a few minutes later, stands in the query.
      files: ['**#/components/securitySchemes/signature'],
      rules: { 'owasp:api2:2023-no-api-keys-in-url': 'off' },
    },
  ],
};
