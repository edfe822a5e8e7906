import { adoptPageStyles } from '../common/theme.ts';
import './view.ts';

adoptPageStyles();
