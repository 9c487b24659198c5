<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

use PHPUnit\Framework\TestCase;

/**
 * Every language says what English says: the same texts, with the same blanks to fill in.
 */
final class LanguagesTest extends TestCase
{
    private const FOLDER = __DIR__ . '/../infrafabric/language';

    /** Words that are the same in other languages. */
    private const ALIKE = [
        'InfraFabric', 'Bridge', 'Bridges', 'Name', 'VPS', 'Container', 'CPUs', 'Hostname', 'Firewall', 'Ports', 'TCP',
        'UDP', 'ICMP',
    ];

    /**
     * @return array<string, string>
     */
    private static function texts(string $language): array
    {
        $lang = [];
        include self::FOLDER . "/$language/infrafabric.php";

        return $lang;
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function languages(): iterable
    {
        foreach (array_diff(scandir(self::FOLDER) ?: [], ['.', '..', 'en_us']) as $language) {
            yield $language => [$language];
        }
    }

    /**
     * Proves that no text is missing and none is left over.
     *
     * @dataProvider languages
     */
    public function testTheSameTexts(string $language): void
    {
        $english = array_keys(self::texts('en_us'));
        $other = array_keys(self::texts($language));
        self::assertSame([], array_values(array_diff($english, $other)), 'missing');
        self::assertSame([], array_values(array_diff($other, $english)), 'left over');
        self::assertSame(count($english), count($other));
    }

    /**
     * Proves that each blank of a text is there, once as often as in English.
     *
     * @dataProvider languages
     */
    public function testTheSameBlanks(string $language): void
    {
        $other = self::texts($language);
        foreach (self::texts('en_us') as $key => $text) {
            self::assertSame(self::blanks($text), self::blanks($other[$key]), $key);
        }
    }

    /**
     * Proves that nothing was left in English, and that no text carries markup.
     *
     * @dataProvider languages
     */
    public function testEverythingIsTranslated(string $language): void
    {
        $other = self::texts($language);
        foreach (self::texts('en_us') as $key => $text) {
            self::assertSame(strip_tags($other[$key]), $other[$key], $key);
            self::assertNotSame('', trim($other[$key]), $key);
            if (!in_array($text, self::ALIKE, true)) {
                self::assertNotSame($text, $other[$key], "$key is still English");
            }
        }
    }

    /**
     * @return list<string>
     */
    private static function blanks(string $text): array
    {
        preg_match_all('/%\d\$s/', $text, $found);
        sort($found[0]);

        return $found[0];
    }
}
