<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * What a new machine gets beside itself: the package's firewall, and the extra addresses that were bought.
 *
 * Each command's Idempotency-Key is made from what it is for, so that asking again, by a repeated activation or a second
 * run of cron, is the same command to the bridge.
 */
final class Furnishing
{
    public function __construct(private Bridge $bridge, private string $key)
    {
    }

    /**
     * Queued right behind the create, so that it holds before the client can reach the machine.
     *
     * @param string $operation id of the create: a new life begins with the package's rules again
     */
    public function firewall(string $preset, string $operation): ?Answer
    {
        if ($preset === '' || $operation === '') {
            return null;
        }
        $body = ['rules' => FirewallPresets::rules($preset)];

        return $this->act('set_firewall', $body, Uuid::derived($this->key, 'firewall', $operation));
    }

    /**
     * Add what the machine there is lacks of the extra addresses. Never takes one away: which one would be a person's
     * decision.
     *
     * @param int $extra IPv4 addresses beside the first
     * @param bool $anew whether this is a purchase of now: then one that was given back is another command than the
     *     first. At a beginning it is the same, so that it stays away when cron reads of the beginning once more.
     * @return list<Answer> one for each that was asked for, or the one that could not be read
     */
    public function addresses(int $extra, bool $anew): array
    {
        if ($extra === 0) {
            return [];
        }
        $path = '/v1/services/' . rawurlencode($this->key);
        $known = $this->bridge->get($path);
        $have = self::extra($known);
        $instance = $known->text('instance_id');
        if (!$known->isSuccess() || $instance === '' || $have >= $extra) {
            return $known->isSuccess() ? [] : [$known];
        }
        $query = '?action=remove_address&state=succeeded&order=newest_first&limit=1';
        $removals = $anew ? $this->bridge->get("$path/operations$query") : null;
        if ($removals?->isSuccess() === false) {
            return [$removals];
        }
        $last = (string) json_encode($removals?->items()[0]['id'] ?? null);
        $ask = fn (int $number): Answer => $this->act(
            'add_address',
            ['family' => 'ipv4'],
            Uuid::derived($this->key, 'address', $instance, $last, (string) $number)
        );

        return array_map($ask, range($have + 1, $extra));
    }

    /**
     * How many IPv4 addresses the service has beside the first.
     */
    public static function extra(Answer $known): int
    {
        $addresses = is_array($known->body['addresses'] ?? null) ? $known->body['addresses'] : [];

        return max(0, count(array_keys(array_column($addresses, 'family'), 'ipv4', true)) - 1);
    }

    /**
     * @param array<string, mixed> $body
     */
    private function act(string $action, array $body, string $nonce): Answer
    {
        return $this->bridge->act($this->key, $action, $body, 0, $nonce, Bridge::VIEW_SECONDS);
    }
}
