<?php

declare(strict_types=1);

namespace Infrafabric;

/**
 * A list of firewall rules while it is edited: as the form shows it, and as the bridge takes it.
 */
final class FirewallDraft
{
    public const CHOICES = [
        'direction' => ['in', 'out'],
        'action' => ['accept', 'drop'],
        'protocol' => ['tcp', 'udp', 'icmp', 'any'],
    ];
    public const MOST = 100;
    private const START = [
        'direction' => 'in', 'action' => 'accept', 'protocol' => 'tcp', 'ports' => '', 'cidrs' => '', 'comment' => '',
    ];

    /**
     * @param list<array<string, string>> $rows
     */
    private function __construct(public readonly array $rows)
    {
    }

    /**
     * @param array<mixed> $rules as the bridge has them
     */
    public static function ofRules(array $rules): self
    {
        $rows = [];
        foreach (array_filter($rules, 'is_array') as $rule) {
            $networks = is_array($rule['cidrs'] ?? null) ? array_filter($rule['cidrs'], 'is_string') : [];
            $texts = array_map('strval', array_filter($rule, 'is_scalar')) + self::START;
            $rows[] = ['cidrs' => implode(', ', $networks)] + array_intersect_key($texts, self::START);
        }

        return new self($rows);
    }

    /**
     * @param list<array<string, string>> $rows as the form posts them
     */
    public static function ofPost(array $rows): self
    {
        return new self(array_map(static fn (array $row) => array_intersect_key($row + self::START, self::START), $rows));
    }

    /**
     * The draft after one step of editing: `add`, `preset`, `up:N`, `down:N`, `remove:N`; null when it knows no such step.
     */
    public function edited(string $step, string $preset): ?self
    {
        if ($step === 'add') {
            return new self([...$this->rows, self::START]);
        }
        if ($step === 'preset') {
            return in_array($preset, FirewallPresets::names(), true)
                ? self::ofRules(FirewallPresets::rules($preset)) : null;
        }
        if (preg_match('/\A(up|down|remove):(\d{1,3})\z/', $step, $part) !== 1 || !isset($this->rows[(int) $part[2]])) {
            return null;
        }
        $at = (int) $part[2];
        $rows = $this->rows;
        [$row] = array_splice($rows, $at, 1);
        if ($part[1] !== 'remove') {
            array_splice($rows, max(0, $at + ($part[1] === 'up' ? -1 : 1)), 0, [$row]);
        }

        return new self(array_values($rows));
    }

    /**
     * @return array<string, string> language key of what is wrong, by field such as `rules.0.ports`
     */
    public function faults(): array
    {
        $faults = count($this->rows) > self::MOST ? ['rules' => 'Infrafabric.!error.rules'] : [];
        foreach ($this->rows as $number => $row) {
            foreach (self::wrong($row) as $member => $text) {
                $faults["rules.$number.$member"] = $text;
            }
        }

        return $faults;
    }

    /**
     * @param array<string, string> $row
     * @return array<string, string>
     */
    private static function wrong(array $row): array
    {
        $wrong = [];
        foreach (self::CHOICES as $member => $choices) {
            if (!in_array($row[$member], $choices, true)) {
                $wrong[$member] = 'Infrafabric.!error.rule_choice';
            }
        }
        if ($row['ports'] !== '' && !in_array($row['protocol'], ['tcp', 'udp'], true)) {
            $wrong['ports'] = 'Infrafabric.!error.rule_ports_protocol';
        } elseif ($row['ports'] !== '' && !Check::ports($row['ports'])) {
            $wrong['ports'] = 'Infrafabric.!error.rule_ports';
        }
        $networks = self::networks($row['cidrs']);
        if (count($networks) > 100 || array_filter($networks, static fn (string $one) => !Check::network($one)) !== []) {
            $wrong['cidrs'] = 'Infrafabric.!error.rule_cidrs';
        }
        if (mb_strlen($row['comment']) > 255 || preg_match('/[\x00-\x1f\x7f]/', $row['comment'])) {
            $wrong['comment'] = 'Infrafabric.!error.rule_comment';
        }

        return $wrong;
    }

    /**
     * @return list<array<string, mixed>> for the bridge
     */
    public function rules(): array
    {
        return array_map(static function (array $row): array {
            $rule = ['cidrs' => self::networks($row['cidrs'])] + $row;

            return $row['ports'] === '' ? array_diff_key($rule, ['ports' => 0]) : $rule;
        }, $this->rows);
    }

    /**
     * @return list<string>
     */
    private static function networks(string $text): array
    {
        return preg_split('/[\s,;]+/', $text, -1, PREG_SPLIT_NO_EMPTY) ?: [];
    }
}
