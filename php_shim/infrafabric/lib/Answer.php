<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * What came back from the bridge for one request, or that nothing did (status 0).
 */
final class Answer
{
    /**
     * @param array<mixed>|null $body the decoded JSON, null when there was none
     */
    public function __construct(
        public readonly int $status,
        public readonly ?array $body,
        public readonly string $requestId,
        public readonly string $transportError = ''
    ) {
    }

    public function isSuccess(): bool
    {
        return $this->status >= 200 && $this->status < 300 && $this->body !== null;
    }

    /**
     * The bridge has said no for good: asking the same again brings the same answer.
     */
    public function isRefusal(): bool
    {
        return $this->status >= 400 && $this->status < 500 && !in_array($this->status, [408, 425, 429], true);
    }

    /**
     * The list in a `{items: [...]}` answer.
     *
     * @return list<array<mixed>>
     */
    public function items(): array
    {
        $items = $this->body['items'] ?? null;

        return $this->isSuccess() && is_array($items) ? array_values(array_filter($items, 'is_array')) : [];
    }

    public function text(string $member): string
    {
        $value = $this->body[$member] ?? '';

        return is_scalar($value) ? (string) $value : '';
    }
}
