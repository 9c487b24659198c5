<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * Sets of rules to begin with, as the bridge takes them.
 */
final class FirewallPresets
{
    private const OPEN_PORTS = [
        'web' => ['22' => 'SSH', '80' => 'HTTP', '443' => 'HTTPS'],
        'ssh' => ['22' => 'SSH'],
        'mail' => ['22' => 'SSH', '25' => 'SMTP', '465' => 'SMTPS', '587' => 'Submission', '993' => 'IMAPS'],
    ];

    /**
     * @return list<string>
     */
    public static function names(): array
    {
        return ['web', 'ssh', 'mail', 'closed', 'open'];
    }

    /**
     * @return list<array<string, mixed>> rules for the bridge; an unknown preset has none
     */
    public static function rules(string $preset): array
    {
        $rules = [];
        foreach (self::OPEN_PORTS[$preset] ?? [] as $port => $comment) {
            $rules[] = self::rule('accept', 'tcp', (string) $port, $comment);
        }
        $ping = $rules === [] ? [] : [self::rule('accept', 'icmp', null, 'Ping')];
        $closed = in_array($preset, ['web', 'ssh', 'mail', 'closed'], true)
            ? [self::rule('drop', 'any', null, '')] : [];

        return [...$rules, ...$ping, ...$closed];
    }

    /**
     * @return array<string, mixed>
     */
    private static function rule(string $action, string $protocol, ?string $ports, string $comment): array
    {
        $rule = ['direction' => 'in', 'action' => $action, 'protocol' => $protocol];

        return $rule + ($ports === null ? [] : ['ports' => $ports]) + ['cidrs' => [], 'comment' => $comment];
    }
}
