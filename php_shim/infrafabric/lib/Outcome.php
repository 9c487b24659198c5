<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * What an answer means for the command it answers: the module's one place that judges.
 */
final class Outcome
{
    public const DONE = 'done';
    public const ACCEPTED = 'accepted';
    public const FAILED = 'failed';
    public const REFUSED = 'refused';
    public const UNCONFIRMED = 'unconfirmed';

    /** Field names of the bridge that the module's forms call otherwise. */
    public const FORM_NAMES = [
        'hostname' => 'ifb_hostname',
        'image' => 'ifb_image',
        'ssh_keys' => 'ifb_ssh_key',
        'webhook_secrets' => 'webhook_secret',
    ];

    /**
     * @param array<mixed> $problem problem details, where there are any
     */
    private function __construct(
        public readonly string $kind,
        public readonly Answer $answer,
        public readonly array $problem = []
    ) {
    }

    public static function of(Answer $answer): self
    {
        if (!$answer->isSuccess()) {
            $kind = $answer->isRefusal() ? self::REFUSED : self::UNCONFIRMED;

            return new self($kind, $answer, $answer->body ?? []);
        }
        $state = $answer->text('state');
        $error = $answer->body['error'] ?? null;

        return match (true) {
            $state === 'succeeded' => new self(self::DONE, $answer),
            in_array($state, ['failed', 'canceled'], true)
                => new self(self::FAILED, $answer, is_array($error) ? $error : []),
            in_array($state, ['queued', 'running', 'awaiting', 'halting'], true)
                => new self(self::ACCEPTED, $answer),
            default => new self(self::UNCONFIRMED, $answer),
        };
    }

    /**
     * The bridge itself says that it does not know the service; a 404 page of somebody else's web server does not count.
     */
    public function isUnknownService(): bool
    {
        return $this->kind === self::REFUSED && $this->answer->status === 404 && $this->answer->body !== null
            && in_array($this->code(), ['', 'not_found'], true);
    }

    public function code(): string
    {
        $code = $this->problem['code'] ?? '';

        return is_string($code) ? $code : '';
    }

    public function detail(): string
    {
        foreach (['detail', 'message', 'title'] as $member) {
            if (is_string($this->problem[$member] ?? null) && $this->problem[$member] !== '') {
                return $this->problem[$member];
            }
        }

        return $this->answer->transportError !== '' ? $this->answer->transportError : 'HTTP ' . $this->answer->status;
    }

    /**
     * The problem's `errors`, as Blesta's Input takes them and under the names of the module's forms.
     *
     * @param array<string, string> $names a form's name by the bridge's, where they differ
     * @return array<string, array<string, string>>
     */
    public function fieldErrors(array $names = self::FORM_NAMES): array
    {
        $found = [];
        $errors = $this->problem['errors'] ?? [];
        foreach (is_array($errors) ? $errors : [] as $field => $rules) {
            $name = explode('.', (string) $field)[0];
            foreach (is_array($rules) ? $rules : ['valid' => $rules] as $rule => $message) {
                $text = is_scalar($message) ? (string) $message : (string) json_encode($message);
                $found[$names[$name] ?? (string) $field][(string) $rule] = $text;
            }
        }

        return $found;
    }

    /**
     * The service's fields in the operation, as the bridge sent them.
     *
     * @return list<array<mixed>>
     */
    public function fields(): array
    {
        $service = $this->answer->body['service'] ?? null;
        $fields = is_array($service) ? ($service['fields'] ?? []) : [];

        return is_array($fields) ? array_values(array_filter($fields, 'is_array')) : [];
    }
}
